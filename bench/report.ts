import { type Machine } from './machine';
import { type Percentiles } from './percentiles';
import { type RunResult } from './run-scenario';

/** Everything about a bench run, as written to the JSON file. */
export interface BenchReport {
  scenario: string;
  startedAt: string;
  /** `embedded`, `distributed` with its processes, or `outside` for a server that was running. */
  mode: string;
  machine: Machine;
  payloadBytes: number;
  applications: number;
  endpointsPerApplication: number;
  connections: number;
  sound: boolean;
  result: RunResult;
}

/** The report as text for people. */
export function formatReport(report: BenchReport): string {
  const { machine, result } = report;
  const rows: [string, string][] = [
    [
      'machine',
      `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}`,
    ],
    ['server', report.mode],
    ['load', describeLoad(report)],
    ['measured', `${number(result.seconds, 1)} s`],
    ['messages a second, posted to delivered', number(result.messagesPerSecond)],
    ['deliveries a second', number(result.deliveriesPerSecond)],
    ['CPU us a message, server', number(result.cpuServerPerMessageUs)],
    ['CPU us a message, Postgres', number(result.cpuPostgresPerMessageUs)],
    ['CPU us a message, Redis', number(result.cpuRedisPerMessageUs)],
    ['CPU us a message, all', number(result.cpuPerMessageUs)],
    ['CPU us a delivery, all', number(result.cpuPerDeliveryUs)],
    ['transactions a message', number(result.transactionsPerMessage, 3)],
    [
      'peak memory of a process, MB',
      number(result.serverPeakRssBytes === null ? null : result.serverPeakRssBytes / 1e6),
    ],
    ['post to ack, ms', latency(result.postToAck)],
    ['post to arrival, ms', latency(result.postToArrival)],
    ['ack to arrival, ms', latency(result.ackToArrival)],
    ...(result.generatorLag
      ? [['late timer of the generator, ms', latency(result.generatorLag)] as [string, string]]
      : []),
    ['posted, acked, failed', [result.posted, result.acked, result.failed].join(', ')],
    ['lost', `${result.lost}${result.drained ? '' : ' (gave up waiting)'}`],
    ['not recorded', String(result.unrecorded)],
    ['duplicates', String(result.duplicates)],
    ['arrivals with a wrong id', String(result.mismatched)],
    ...Object.entries(result.failures).map(([reason, count]): [string, string] => [`failed posts x ${count}`, reason]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  return [`scenario ${report.scenario}: ${report.sound ? 'sound' : 'NOT SOUND'}`, ...lines].join('\n');
}

function describeLoad({ result, ...report }: BenchReport): string {
  const shape = result.targetRate === null ? 'closed loop' : `open loop at ${number(result.targetRate)}/s`;
  const targets = `${report.applications} applications x ${report.endpointsPerApplication} endpoints`;
  return `${shape}, ${report.connections} connections, ${report.payloadBytes} bytes, ${targets}`;
}

function latency(measured: Percentiles | null): string {
  if (!measured) {
    return '-';
  }
  const { p50, p95, p99, max } = measured;
  return `p50 ${number(p50, 1)}  p95 ${number(p95, 1)}  p99 ${number(p99, 1)}  max ${number(max, 1)}`;
}

function number(value: number | null, digits = 0): string {
  return value === null ? '-' : value.toFixed(digits);
}
