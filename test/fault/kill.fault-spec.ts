import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryLog, explainingKill, type Kill } from './delivery-log';
import { MessageSender } from './message-sender';
import { createDataDir, removeDataDir } from '../support/data-dir';
import { eventually } from '../support/eventually';
import { createToken, type PosthornProcess, startPosthorn } from '../support/posthorn-process';
import { type Receiver, type ScriptedResponse, type ReceivedRequest, startReceiver } from '../support/receiver';
import { RestClient } from '../support/rest-client';

const ROUNDS = Number(process.env['POSTHORN_KILL_ROUNDS'] ?? 50);
const RATE = 500;
const SLOW_MS = 300;
/** An outcome that is older than this must have been recorded, on a machine however busy. */
const RECORDING_MS = 1_000;
/** Bytes that a killed process had written already arrive within this time; its successor needs longer to start. */
const LAST_BYTES_MS = 150;
const DELIVERED_TIMEOUT_MS = 120_000;
const REPEATED_POSTS = 100;
const SUCCESS = 0;

interface Application {
  id: string;
  /** Id of each endpoint by the path it has at the receiver. */
  endpoints: Map<string, string>;
}

interface Round {
  round: number;
  'ran, ms': number;
  'ready after, ms': number;
  acked: number;
  'in flight at the kill': number;
  duplicates: number;
}

describe(`killing an embedded Posthorn ${ROUNDS} times under load`, () => {
  const log = new DeliveryLog();
  const kills: Kill[] = [];
  const rounds: Round[] = [];
  let dataDir: string;
  let env: Record<string, string>;
  let receiver: Receiver;
  let server: PosthornProcess;
  let client: RestClient;
  let applications: Application[];
  let sender: MessageSender;

  beforeAll(
    async () => {
      dataDir = await createDataDir();
      env = {
        DATA_DIR: dataDir,
        EGRESS_ALLOW_SUBNETS: '127.0.0.0/8',
        RETRY_SCHEDULE: '1,1,2',
        REQUEST_TIMEOUT_SECONDS: '5',
      };
      receiver = await startReceiver({ respond: answer, record: false });
      server = await startPosthorn({ env });
      const token = await createToken(env);
      client = new RestClient(server.url, token);
      applications = [
        await createApplication('/quick-a', '/quick-b'),
        await createApplication('/slow', '/quick-c'),
        await createApplication('/flaky'),
      ];
      sender = new MessageSender({ token, rate: RATE, applicationOf: (sequence) => applicationOf(sequence).id });

      sender.start();
      for (let round = 1; round <= ROUNDS; round++) {
        await runRound(round);
      }
      sender.moveTo(server.url);
      await sender.stop();
      client = new RestClient(server.url, token);
    },
    ROUNDS * 10_000 + 60_000,
  );

  afterAll(async () => {
    sender?.moveTo(undefined);
    await server?.stop();
    await receiver?.close();
    await removeDataDir(dataDir);
  }, 90_000);

  it('delivers every acked message to each of its endpoints', async () => {
    expect(sender.acked.length).toBeGreaterThan(ROUNDS * 20);
    await eventually(() => expect(undelivered().slice(0, 10)).toEqual([]), DELIVERED_TIMEOUT_MS, 250);
  }, 130_000);

  it('records exactly one successful attempt for each of them', async () => {
    await eventually(async () => expect((await wronglyRecorded()).slice(0, 10)).toEqual([]), 20_000, 1_000);
  }, 60_000);

  it('makes one message of a post that is repeated with its idempotency key', () => {
    const repeated = sender.messages.filter((message) => message.isRepeated && message.posts > 1);
    const doubled = sender.messages.filter((message) => log.idsOf(message.sequence).length > 1);

    expect(repeated.length).toBeGreaterThanOrEqual(ROUNDS >= 20 ? 1 : 0);
    expect(doubled).toEqual([]);
  });

  it('answers a repeated post with the message that it made before the kills', async () => {
    const every = Math.ceil(sender.acked.length / REPEATED_POSTS);
    const sample = sender.acked.filter((_message, index) => index % every === 0);
    const changed: string[] = [];
    for (const message of sample) {
      const id = await sender.repeat(message);
      if (id !== message.id) {
        changed.push(`${message.id} became ${id}`);
      }
    }

    expect(changed).toEqual([]);
  }, 60_000);

  it('delivers twice only what was not recorded when a kill came', async () => {
    const unexplained = log.repetitions().filter((one) => explainingKill(one, kills, RECORDING_MS) === -1);
    await report();

    expect(unexplained.slice(0, 10)).toEqual([]);
  });

  it('refuses no post while it runs', () => {
    expect([...sender.failures.keys()].filter((kind) => kind.startsWith('status'))).toEqual([]);
  });

  it('stops cleanly in the end', async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  }, 30_000);

  function answer(request: ReceivedRequest): ScriptedResponse {
    if (request.path === '/flaky' && log.isFirstTime(request)) {
      return { status: 500 };
    }
    const delayMs = request.path === '/slow' ? SLOW_MS : 0;
    log.accept(request, delayMs);
    return { delayMs };
  }

  async function createApplication(...paths: string[]): Promise<Application> {
    const id = await client.createApplication(`kill test ${paths.join(' ')}`);
    const endpoints = new Map<string, string>();
    for (const path of paths) {
      endpoints.set(path, await client.createEndpoint(id, `${receiver.url}${path}`));
    }
    return { id, endpoints };
  }

  /** Most messages go where all is well; a slow endpoint gets no more than it can take. */
  function applicationOf(sequence: number): Application {
    const share = sequence % 20;
    const [quick, slow, flaky] = applications as [Application, Application, Application];
    return share < 14 ? quick : share < 17 ? slow : flaky;
  }

  async function runRound(round: number): Promise<void> {
    const ackedBefore = sender.acked.length;
    sender.moveTo(server.url);
    const runMs = 300 + Math.random() * 1_200;
    await sleep(runMs);
    const killedAt = Date.now();
    const inFlight = receiver.inFlight;
    server.kill('SIGKILL');
    sender.moveTo(undefined);
    await server.waitExit();
    kills.push({ killedAt, goneAt: Date.now() + LAST_BYTES_MS });
    server = await startPosthorn({ env });
    rounds.push({
      round,
      'ran, ms': Math.round(runMs),
      'ready after, ms': server.readyAfterMs,
      acked: sender.acked.length - ackedBefore,
      'in flight at the kill': inFlight,
      duplicates: 0,
    });
  }

  function undelivered(): string[] {
    return sender.acked.flatMap(({ id = '', sequence }) =>
      [...applicationOf(sequence).endpoints.keys()]
        .filter((path) => !log.hasArrived(id, path))
        .map((path) => `${id} to ${path}`),
    );
  }

  /** Deliveries of acked messages whose number of recorded successes is not one. */
  async function wronglyRecorded(): Promise<string[]> {
    const successes = new Map<string, number>();
    for (const application of applications) {
      for (const endpointId of application.endpoints.values()) {
        for await (const page of client.attemptsOf(application.id, endpointId)) {
          for (const { msgId, status } of page.filter((attempt) => attempt.status === SUCCESS)) {
            const key = `${msgId} ${endpointId} ${status}`;
            successes.set(key, (successes.get(key) ?? 0) + 1);
          }
        }
      }
    }
    return sender.acked.flatMap(({ id = '', sequence }) =>
      [...applicationOf(sequence).endpoints]
        .map(([path, endpointId]) => ({ path, count: successes.get(`${id} ${endpointId} ${SUCCESS}`) ?? 0 }))
        .filter(({ count }) => count !== 1)
        .map(({ path, count }) => `${id} to ${path}: ${count} successes`),
    );
  }

  async function report(): Promise<void> {
    for (const repetition of log.repetitions()) {
      const round = rounds[explainingKill(repetition, kills, RECORDING_MS)];
      if (round) {
        round.duplicates += 1;
      }
    }
    const summary = {
      kills: kills.length,
      posted: sender.messages.length,
      acked: sender.acked.length,
      lost: undelivered().length,
      duplicates: log.repetitions().length,
      inFlightAtKills: rounds.reduce((total, round) => total + round['in flight at the kill'], 0),
      failures: Object.fromEntries(sender.failures),
      rounds,
    };
    process.stdout.write(`${table(rounds)}\n${JSON.stringify({ ...summary, rounds: undefined })}\n`);
    const file = process.env['POSTHORN_FAULT_REPORT'];
    if (file) {
      await writeFile(file, `${JSON.stringify(summary, null, 2)}\n`);
    }
  }
});

function table(rows: Round[]): string {
  const names = Object.keys(rows[0] ?? {}) as (keyof Round)[];
  const lines = rows.map((row) => names.map((name) => String(row[name]).padStart(name.length)).join('  '));
  return ['', names.join('  '), ...lines].join('\n');
}
