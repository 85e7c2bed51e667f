import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { explainingKill, type Kill } from './delivery-log';
import { PostgresServer } from './distributed/postgres-server';
import { reportCase } from './report';
import { IS_SHORT } from './short';
import { Workload } from './workload';
import { eventually } from '../support/eventually';
import { Undertaker } from '../support/undertaker';

const INSTANCE_LOCK = 7_054_961_002;
const ROUNDS = IS_SHORT ? 1 : 2;
const RUN_MS = 1_500;
const RECOVERED_WITHIN_MS = 20_000;
const DELIVERED_WITHIN_MS = 60_000;
/** An outcome that is older than this must have been recorded, on a machine however busy. */
const RECORDING_MS = 5_000;

let dir: string;
let undertaker: Undertaker;
let postgres: PostgresServer;
let databaseUrl: string;
let load: Workload;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'posthorn-fault-'));
  await chmod(dir, 0o755); // as root PostgreSQL runs as another user, who has to get in
  undertaker = new Undertaker(dir);
  postgres = await PostgresServer.start(join(dir, 'postgres'), undertaker);
}, 60_000);

afterAll(async () => {
  await postgres?.stop();
  undertaker?.dismiss();
  await rm(dir, { recursive: true, force: true });
}, 60_000);

async function startLoad(): Promise<void> {
  databaseUrl = await postgres.createDatabase();
  load = await Workload.start(['/flaky'], { DATABASE_URL: databaseUrl });
  load.sender.moveTo(load.server.url);
  load.sender.start();
  await sleep(RUN_MS);
}

/** Messages of the server's log at this level. */
function logged(level: string): string[] {
  return load.server.stdout
    .map((line) => JSON.parse(line) as { level: string; msg: string })
    .filter((entry) => entry.level === level)
    .map(({ msg }) => msg);
}

async function terminateLock(): Promise<void> {
  await postgres.query(
    databaseUrl,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'posthorn lock' AND datname = current_database()",
  );
}

describe.each<[string, () => Promise<void>]>([
  ['a restart of PostgreSQL', () => postgres.restart('fast', 1_000)],
  ['a crash of PostgreSQL', () => postgres.restart('kill')],
  ['the end of the connection that holds the lock', () => terminateLock()],
])('%s below a standalone Posthorn under load', (name, strike) => {
  beforeAll(async () => {
    await startLoad();
    for (let round = 1; round <= ROUNDS; round++) {
      await strike();
      const next = load.sender.messages.length;
      const isAccepted = (): boolean => load.sender.acked.some(({ sequence }) => sequence >= next);
      await eventually(() => expect(isAccepted()).toBe(true), RECOVERED_WITHIN_MS, 10);
      await sleep(RUN_MS);
    }
    await load.stopPosting();
    await eventually(() => expect(load.undelivered().slice(0, 10)).toEqual([]), DELIVERED_WITHIN_MS, 100);
  }, 180_000);

  afterAll(() => load?.close(), 60_000);

  it('is survived by the server, which asks for nobody', () => {
    expect(load.server.hasExited).toBe(false);
    expect([...logged('error'), ...logged('fatal'), ...load.server.stderr]).toEqual([]);
    expect(logged('warn').filter((text) => text === 'the database is held again: work goes on')).toHaveLength(ROUNDS);
  });

  it('loses nothing that was acked, and repeats nothing', async () => {
    await reportCase(load.summary(`standalone: ${name}`, { faults: ROUNDS }));

    expect(load.sender.acked.length).toBeGreaterThan(ROUNDS * 20);
    expect(load.log.repetitions()).toEqual([]);
  });

  it('records one success for each delivery', async () => {
    await eventually(async () => expect((await load.wronglyRecorded()).slice(0, 10)).toEqual([]), 20_000, 500);
  }, 30_000);

  it('answers nothing but 202 and 503', () => {
    expect([...load.sender.failures.keys()].filter((kind) => !kind.startsWith('status 503'))).toEqual([]);
  });

  it('leaves a server that stops cleanly', async () => {
    expect(await load.server.stop()).toEqual({ code: 0, signal: null });
  }, 30_000);
});

describe('another process that takes the database of a standalone Posthorn under load', () => {
  const kills: Kill[] = [];

  beforeAll(async () => {
    await startLoad();
    for (let round = 1; round <= ROUNDS; round++) {
      await takeOver();
      await sleep(RUN_MS);
    }
    await load.stopPosting();
    await eventually(() => expect(load.undelivered().slice(0, 10)).toEqual([]), DELIVERED_WITHIN_MS, 100);
  }, 180_000);

  afterAll(() => load?.close(), 60_000);

  /** The new one begins at once, as a rival does that was waiting for it, while the old one still finds out. */
  async function takeOver(): Promise<void> {
    const rival = new Client({ connectionString: databaseUrl });
    await rival.connect();
    const taken = rival.query('SELECT pg_advisory_lock($1)', [INSTANCE_LOCK]);
    const waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    await eventually(async () => expect(await postgres.query(databaseUrl, waiting)).toHaveLength(1));
    const killedAt = Date.now();
    await terminateLock();
    await taken;
    const old = load.server;
    const exited = old.waitExit().then((exit) => {
      load.sender.moveTo(undefined);
      return exit;
    });
    // What a new process does first, see DeliveryRecovery.
    await rival.query('UPDATE dispatch SET claimed_until = NULL WHERE claimed_until IS NOT NULL');
    await rival.query('UPDATE pending_delivery SET claim = NULL, due_at = now() WHERE claim IS NOT NULL');
    expect(await exited).toEqual({ code: 1, signal: null });
    expect(logged('fatal')).toEqual(['the hold on the database is lost for good, so this process ends']);
    kills.push({ killedAt, goneAt: Date.now() });
    await rival.end();
    await load.restart();
    load.sender.moveTo(load.server.url);
  }

  it('loses nothing that was acked, and repeats no more than a kill does', async () => {
    const repeated = load.log.repetitions();
    await reportCase(load.summary('standalone: another process takes the database', { faults: ROUNDS }));

    expect(load.sender.acked.length).toBeGreaterThan(ROUNDS * 20);
    expect(repeated.filter((one) => explainingKill(one, kills, RECORDING_MS) === -1)).toEqual([]);
  });

  it('records one success for each delivery, or two for those that both processes made', async () => {
    const repeated = new Set(
      load.log.repetitions().map(({ messageId, path }) => `${messageId} to ${path}: 2 successes`),
    );
    const unexplained = async (): Promise<string[]> =>
      (await load.wronglyRecorded()).filter((text) => !repeated.has(text)).slice(0, 10);

    await eventually(async () => expect(await unexplained()).toEqual([]), 20_000, 500);
  }, 30_000);
});
