import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { reportCase } from './report';
import { IS_SHORT } from './short';
import { Workload } from './workload';
import { findPostgres, type RunningPostgres } from '../support/data-dir';
import { eventually } from '../support/eventually';

const ROUNDS = IS_SHORT ? 2 : 5;
const RUN_MS = 1_000;
const RECOVERED_WITHIN_MS = 15_000;

/** What is done to the PostgreSQL below a running server; resolves when it has been done. */
const FAULTS: Record<string, (postgres: RunningPostgres) => Promise<void>> = {
  'kill -9 of the postmaster': async ({ pid }) => void process.kill(pid, 'SIGKILL'),
  'kill -9 of a server process': async ({ databaseUrl }) => {
    const [pid] = await backends(databaseUrl, 'posthorn');
    process.kill(pid ?? -1, 'SIGKILL');
  },
  'end of the connection that holds the lock': async ({ databaseUrl }) => {
    const [pid] = await backends(databaseUrl, 'posthorn lock');
    await query(databaseUrl, 'SELECT pg_terminate_backend($1)', [pid]);
  },
};

describe.each(Object.keys(FAULTS))('%s below an embedded Posthorn under load', (name) => {
  const recoveries: number[] = [];
  let load: Workload;
  let serverPid: number;

  beforeAll(async () => {
    load = await Workload.start(['/flaky']);
    serverPid = load.server.pid;
    load.sender.moveTo(load.server.url);
    load.sender.start();
    for (let round = 1; round <= ROUNDS; round++) {
      await sleep(RUN_MS);
      await strike();
    }
    await sleep(RUN_MS);
    await load.stopPosting();
    await eventually(() => expect(load.undelivered().slice(0, 10)).toEqual([]), 60_000, 100);
  }, 180_000);

  afterAll(() => load?.close(), 60_000);

  it('is survived by the server', () => {
    expect(load.server.hasExited).toBe(false);
    expect(load.server.pid).toBe(serverPid);
  });

  it('loses nothing that was acked, and repeats nothing', async () => {
    await reportCase(load.summary(name, { faults: ROUNDS, recoveriesMs: recoveries, warnings: count(logged('warn')) }));

    expect(load.sender.acked.length).toBeGreaterThan(ROUNDS * 20);
    expect(load.log.repetitions()).toEqual([]);
  });

  it('records one success for each delivery', async () => {
    await eventually(async () => expect((await load.wronglyRecorded()).slice(0, 10)).toEqual([]), 20_000, 500);
  }, 30_000);

  it('answers nothing but 202 and 503', () => {
    const kinds = [...load.sender.failures.keys()].filter((kind) => !kind.startsWith('status 503'));

    expect(kinds).toEqual([]);
  });

  it('asks for nobody: all of it heals itself', () => {
    expect([...logged('error'), ...logged('fatal'), ...load.server.stderr]).toEqual([]);
  });

  it('makes one message of a post that is repeated', () => {
    const doubled = load.sender.messages.filter((message) => load.log.idsOf(message.sequence).length > 1);

    expect(doubled).toEqual([]);
  });

  it('leaves a server that stops cleanly', async () => {
    expect(await load.server.stop()).toEqual({ code: 0, signal: null });
    expect(await findPostgres(load.dataDir)).toBeUndefined();
  }, 30_000);

  /** The messages of the server's log at this level. */
  function logged(level: string): string[] {
    return load.server.stdout
      .map((line) => JSON.parse(line) as { level: string; msg: string })
      .filter((entry) => entry.level === level)
      .map(({ msg }) => msg);
  }

  /** Strikes, and waits until messages are accepted that were posted after it. */
  async function strike(): Promise<void> {
    const postgres = await eventually(async () => {
      const found = await findPostgres(load.dataDir);
      expect(found).toBeDefined();
      return found as RunningPostgres;
    }, RECOVERED_WITHIN_MS);
    await FAULTS[name]?.(postgres);
    const struckAt = Date.now();
    await sleep(200); // a server that dies takes a moment
    const next = load.sender.messages.length;
    const isAccepted = (): boolean => load.sender.acked.some(({ sequence }) => sequence >= next);
    await eventually(() => expect(isAccepted()).toBe(true), RECOVERED_WITHIN_MS, 10);
    recoveries.push(Date.now() - struckAt);
  }
});

function count(texts: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) {
    counts[text] = (counts[text] ?? 0) + 1;
  }
  return counts;
}

async function backends(databaseUrl: string, applicationName: string): Promise<number[]> {
  const rows = await query(databaseUrl, 'SELECT pid FROM pg_stat_activity WHERE application_name = $1', [
    applicationName,
  ]);
  return rows.map((row) => Number(row['pid']));
}

async function query(databaseUrl: string, sql: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => undefined); // a broken connection also fails the query
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows;
  } finally {
    await client.end();
  }
}
