import { setTimeout as sleep } from 'node:timers/promises';
import { type Latencies, Ledger, type LedgerSummary } from './ledger';
import { drain, type RunningLoad, startClosedLoop, startOpenLoop } from './load';
import { compareReadings, takeReading, type Window } from './measurement';
import { type BenchOptions } from './options';
import { type Percentiles } from './percentiles';
import { MessagePoster } from './poster';
import { peakRss } from './process-stats';
import { type BenchReceiver } from './receiver';
import { countUnrecorded, type Target } from './recorded-attempts';
import { type LoadShape } from './scenarios';
import { type ServerUnderTest } from './server-under-test';
import { TransactionCounter } from './transactions';
import { RestClient } from '../test/support/rest-client';

const RECORDED_TIMEOUT_MS = 20_000;

/** The figures of one measured run; the README says how to read them. */
export interface RunResult extends Window, LedgerSummary, Latencies {
  shape: LoadShape;
  targetRate: number | null;
  drained: boolean;
  /** Deliveries of acked messages without a recorded successful attempt. */
  unrecorded: number;
  failures: Record<string, number>;
  generatorLag: Percentiles | null;
  serverPeakRssBytes: number | null;
}

/** Creates the applications and endpoints of a scenario; all endpoints are at the receiver. */
export async function setUp(client: RestClient, receiver: BenchReceiver, options: BenchOptions): Promise<Target[]> {
  const targets: Target[] = [];
  for (let application = 0; application < options.applications; application++) {
    const applicationId = await client.createApplication(`bench ${application}`);
    const endpointIds: string[] = [];
    for (let endpoint = 0; endpoint < options.endpointsPerApplication; endpoint++) {
      endpointIds.push(await client.createEndpoint(applicationId, `${receiver.url}/hook/${endpoint}`));
    }
    targets.push({ applicationId, endpointIds });
  }
  return targets;
}

/** Warms up, measures, drains and checks one load against a server that is set up. */
export async function measure(
  server: ServerUnderTest,
  receiver: BenchReceiver,
  targets: Target[],
  options: BenchOptions,
): Promise<RunResult> {
  const ledger = new Ledger(options.endpointsPerApplication);
  receiver.onArrival = (sequence, endpoint, id, at) => ledger.arrive(sequence, endpoint, id, at);
  const poster = new MessagePoster(
    { ...options, url: server.url, token: server.token, applicationIds: targets.map((one) => one.applicationId) },
    ledger,
  );
  const transactions = await TransactionCounter.connect(server.databaseUrl);
  try {
    const load = startLoad(poster, receiver, ledger, options);
    await sleep(options.warmupSeconds * 1_000);
    const begin = await takeReading(server, ledger, transactions);
    await sleep(options.durationSeconds * 1_000);
    const end = await takeReading(server, ledger, transactions);
    load.stop();
    const drained = await drain(ledger, options.drainSeconds * 1_000);
    const client = new RestClient(server.url, server.token);
    return {
      shape: options.shape,
      targetRate: options.shape === 'open' ? (options.rate ?? null) : null,
      ...compareReadings(begin, end, options.endpointsPerApplication),
      ...ledger.latencies(begin.at, end.at),
      ...ledger.summary(),
      drained,
      unrecorded: await countUnrecorded(client, targets, ledger.ackedIds(), RECORDED_TIMEOUT_MS),
      failures: Object.fromEntries(poster.failures),
      generatorLag: load.lag(),
      serverPeakRssBytes: await peakRss(server.pids),
    };
  } finally {
    await poster.close();
    await transactions?.close();
  }
}

/** Nothing lost, nothing twice, nothing confused, nothing unrecorded, nothing refused. */
export function isSound(result: RunResult): boolean {
  const defects = result.lost + result.duplicates + result.mismatched + result.unrecorded + result.failed;
  return result.drained && defects === 0 && result.acked > 0;
}

function startLoad(poster: MessagePoster, receiver: BenchReceiver, ledger: Ledger, options: BenchOptions): RunningLoad {
  if (options.shape === 'closed') {
    return startClosedLoop(poster, receiver, ledger, options.backlog);
  }
  if (!options.rate) {
    throw new Error('an open loop needs a rate');
  }
  receiver.onBatch = () => undefined;
  return startOpenLoop(poster, options.rate);
}
