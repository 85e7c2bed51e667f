import { writeFile } from 'node:fs/promises';
import { describeMachine } from './machine';
import { openServer } from './open-server';
import { type BenchOptions, parseOptions, USAGE, UsageError } from './options';
import { type BenchReceiver, startReceiver } from './receiver';
import { type BenchReport, formatReport } from './report';
import { isSound, measure, setUp } from './run-scenario';
import { type ServerUnderTest } from './server-under-test';
import { RestClient } from '../test/support/rest-client';

/** Start, set-up, checks and stop together take less than this; past it something hangs. */
const OVERHEAD_SECONDS = 180;
const CALIBRATION_SECONDS = 8;

type Cleanup = () => Promise<unknown>;

async function main(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const options = parseOptions(args);
  const cleanups: Cleanup[] = [];
  const interrupt = new AbortController();
  const limit = setTimeout(() => interrupt.abort(new Error('the run hangs, giving up')), limitMs(options));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupt.abort(new Error(`stopped by ${signal}`)));
  }
  const interrupted = new Promise<never>((_resolve, reject) => {
    interrupt.signal.addEventListener('abort', () => reject(interrupt.signal.reason as Error));
  });
  try {
    const report = await Promise.race([run(options, cleanups), interrupted]);
    console.log(formatReport(report));
    if (options.jsonFile) {
      await writeFile(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
    }
    return report.sound ? 0 : 1;
  } finally {
    clearTimeout(limit);
    await Promise.allSettled(cleanups.map((cleanup) => cleanup()));
  }
}

async function run(options: BenchOptions, cleanups: Cleanup[]): Promise<BenchReport> {
  const startedAt = new Date().toISOString();
  const receiver = await startReceiver();
  cleanups.push(() => receiver.close());
  // Registered before it is there: an interrupted start has to be waited for, or it would leave a server behind.
  const opening = openServer(options);
  cleanups.push(() => opening.then((opened) => opened.close()));
  const server = await opening;
  const client = new RestClient(server.url, server.token);
  const rated = await withRate(client, server, receiver, options);
  const result = await measure(server, receiver, await setUp(client, receiver, rated), rated);
  return {
    scenario: options.name,
    startedAt,
    mode: describeMode(options),
    machine: describeMachine(),
    payloadBytes: options.payloadBytes,
    applications: options.applications,
    endpointsPerApplication: options.endpointsPerApplication,
    connections: options.connections,
    sound: isSound(result),
    result,
  };
}

function describeMode({ outside, mode, apis, workers }: BenchOptions): string {
  if (outside) {
    return 'outside';
  }
  return mode === 'embedded' ? mode : `${mode}: ${apis} api, ${workers} worker, 1 scheduler`;
}

/** An open loop without a rate gets half of what a closed loop reaches on this machine. */
async function withRate(
  client: RestClient,
  server: ServerUnderTest,
  receiver: BenchReceiver,
  options: BenchOptions,
): Promise<BenchOptions> {
  if (options.shape === 'closed' || options.rate) {
    return options;
  }
  const calibration: BenchOptions = { ...options, shape: 'closed', durationSeconds: CALIBRATION_SECONDS };
  const full = await measure(server, receiver, await setUp(client, receiver, calibration), calibration);
  if (!isSound(full)) {
    throw new Error(`the closed loop that finds the rate was not sound: ${JSON.stringify(full)}`);
  }
  return { ...options, rate: Math.max(1, Math.round(full.messagesPerSecond / 2)) };
}

function limitMs(options: BenchOptions): number {
  const loads = options.warmupSeconds * 2 + options.durationSeconds + CALIBRATION_SECONDS + options.drainSeconds * 2;
  return (loads + OVERHEAD_SECONDS) * 1_000;
}

main(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
