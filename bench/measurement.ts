import { monotonicMs } from './clock';
import { type Ledger } from './ledger';
import { sampleCpu, type CpuSample } from './process-stats';
import { type ServerUnderTest } from './server-under-test';
import { type TransactionCounter } from './transactions';

/** Everything that is read at the beginning and at the end of the measured time. */
export interface Reading {
  at: number;
  deliveries: number;
  cpu: CpuSample | null;
  commits: number | null;
}

/** What happened between two readings; the CPU figures are microseconds, null where they cannot be known. */
export interface Window {
  seconds: number;
  deliveriesPerSecond: number;
  messagesPerSecond: number;
  cpuServerPerMessageUs: number | null;
  cpuPostgresPerMessageUs: number | null;
  cpuRedisPerMessageUs: number | null;
  /** Of all three. */
  cpuPerMessageUs: number | null;
  cpuPerDeliveryUs: number | null;
  transactionsPerMessage: number | null;
}

export async function takeReading(
  server: ServerUnderTest,
  ledger: Ledger,
  transactions: TransactionCounter | undefined,
): Promise<Reading> {
  const cpu = await sampleCpu(server);
  const commits = (await transactions?.read()) ?? null;
  return { at: monotonicMs(), deliveries: ledger.deliveries, cpu, commits };
}

export function compareReadings(begin: Reading, end: Reading, fanOut: number): Window {
  const seconds = (end.at - begin.at) / 1_000;
  const deliveries = end.deliveries - begin.deliveries;
  const messages = deliveries / fanOut;
  const server = difference(begin.cpu?.serverMs, end.cpu?.serverMs);
  const postgres = difference(begin.cpu?.postgresMs, end.cpu?.postgresMs);
  const redis = difference(begin.cpu?.redisMs, end.cpu?.redisMs);
  const all = server === null || postgres === null || redis === null ? null : server + postgres + redis;
  const perMessageUs = (ms: number | null): number | null => ratio(ms, messages / 1_000);
  return {
    seconds,
    deliveriesPerSecond: deliveries / seconds,
    messagesPerSecond: messages / seconds,
    cpuServerPerMessageUs: perMessageUs(server),
    cpuPostgresPerMessageUs: perMessageUs(postgres),
    cpuRedisPerMessageUs: perMessageUs(redis),
    cpuPerMessageUs: perMessageUs(all),
    cpuPerDeliveryUs: ratio(all, deliveries / 1_000),
    transactionsPerMessage: ratio(difference(begin.commits, end.commits), messages),
  };
}

function difference(begin: number | null | undefined, end: number | null | undefined): number | null {
  return typeof begin === 'number' && typeof end === 'number' ? end - begin : null;
}

function ratio(value: number | null, by: number): number | null {
  return value === null || by === 0 ? null : value / by;
}
