import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { callApi } from '../support/api';
import { createDataDir, removeDataDir } from '../support/data-dir';
import { eventually } from '../support/eventually';
import { type PgBouncer, startPgBouncer } from '../support/pgbouncer';
import { createToken, type PosthornProcess, spawnPosthorn, startPosthorn } from '../support/posthorn-process';
import { type Receiver, startReceiver } from '../support/receiver';
import { startRedis, type TestRedis } from '../support/redis';
import { RestClient } from '../support/rest-client';
import { createEmptyDatabase, type TestDatabase } from '../support/test-database';

const POOL_SIZE = 4;
const ROLES = ['api', 'worker', 'worker', 'scheduler'];
const MESSAGES = 400;
const CALLERS = 40;
const READY_TIMEOUT_MS = 60_000;

jest.setTimeout(120_000);

describe('the program behind PgBouncer in transaction mode', () => {
  let database: TestDatabase;
  let bouncer: PgBouncer;
  let redis: TestRedis;
  let receiver: Receiver;
  let dataDir: string;
  let env: Record<string, string>;
  let processes: PosthornProcess[] = [];
  let migrated: string[];
  let token: string;

  beforeAll(async () => {
    database = await createEmptyDatabase();
    // Each transaction gets another connection than the one before, so that what is left in a session is missed.
    bouncer = await startPgBouncer(database.url, { poolSize: POOL_SIZE, settings: ['server_round_robin = 1'] });
    redis = await startRedis();
    dataDir = await createDataDir();
    receiver = await startReceiver({
      respond: ({ path, headers }) => ({ status: path === '/flaky' && isFirst(headers['svix-id']) ? 500 : 204 }),
    });
    env = {
      DATABASE_URL: bouncer.url,
      DATABASE_POOLER: 'transaction',
      REDIS_URL: redis.url,
      DATA_DIR: dataDir,
      JWT_SECRET: 'a secret of the tests only',
      MAIN_SECRET: 'another secret of the tests',
      EGRESS_ALLOW_SUBNETS: '127.0.0.0/8',
      RETRY_SCHEDULE: '0.2,0.2,0.2',
    };
    // All at once on a database without a table.
    const migrations = [migrate(env), migrate(env)];
    processes = ROLES.map((role) => spawnPosthorn({ env, args: ['--role', role] }));
    await Promise.all(processes.map((process) => process.waitReady(READY_TIMEOUT_MS)));
    migrated = await Promise.all(migrations);
    token = await createToken(env);
  }, 200_000);

  afterAll(async () => {
    await Promise.all(processes.map((process) => process.stop()));
    await receiver?.close();
    await bouncer?.stop();
    await redis?.stop();
    await removeDataDir(dataDir);
    await database?.drop();
  }, 60_000);

  const seen = new Set<string>();
  function isFirst(id: unknown): boolean {
    const isNew = !seen.has(String(id));
    seen.add(String(id));
    return isNew;
  }

  function url(): string {
    return processes[0]?.url ?? '';
  }

  function post(appId: string, n: number): Promise<{ status: number; body: { id: string }; headers: Headers }> {
    const body = { eventType: 'invoice.paid', payload: { n } };
    return callApi<{ id: string }>(url(), token, 'POST', `/app/${appId}/msg`, body, { 'idempotency-key': `key-${n}` });
  }

  async function onServer<T extends object>(sql: string): Promise<T[]> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      return (await client.query<T>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  it('brings an empty database up to date once, whoever comes first', async () => {
    const names = await onServer<{ name: string }>('SELECT name FROM schema_migration');

    expect(names.length).toBeGreaterThan(0);
    expect(new Set(names.map(({ name }) => name)).size).toBe(names.length);
    expect(migrated.every((output) => output === 'Nothing to do.\n' || output.includes(names[0]?.name ?? ''))).toBe(
      true,
    );
  });

  it('accepts, delivers, tries again and records, with many at once on few connections', async () => {
    const client = new RestClient(url(), token);
    const appId = await client.createApplication('a');
    const endpoints = {
      good: await client.createEndpoint(appId, `${receiver.url}/good`),
      flaky: await client.createEndpoint(appId, `${receiver.url}/flaky`),
    };
    const ids: string[] = [];
    const numbers = Array.from({ length: MESSAGES }, (_, n) => n);
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        for (let n = numbers.pop(); n !== undefined; n = numbers.pop()) {
          const { status, body } = await post(appId, n);
          expect(status).toBe(202);
          ids.push(body.id);
        }
      }),
    );

    await eventually(async () => {
      expect(await statusesOf(client, appId, endpoints.good)).toEqual(new Map(ids.map((id) => [id, [0]])));
      expect(await statusesOf(client, appId, endpoints.flaky)).toEqual(new Map(ids.map((id) => [id, [0, 2]])));
    }, 30_000);
    expect(receiver.requestsTo('/good')).toHaveLength(MESSAGES);
    expect((await post(appId, 7)).status).toBe(202);
    await eventually(async () => {
      const [left] = await onServer<{ rows: number }>(
        'SELECT (SELECT count(*) FROM pending_delivery)::int + (SELECT count(*) FROM dispatch)::int AS rows',
      );
      expect(left?.rows).toBe(0);
    }, 10_000);
    expect(receiver.requestsTo('/good')).toHaveLength(MESSAGES);
  });

  it('opens no more connections than the pool has, and leaves no lock in them', async () => {
    const [sessions] = await onServer<{ count: number }>(
      "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'posthorn%'",
    );
    const locks = await onServer(
      "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE locktype = 'advisory' AND datname = current_database()",
    );

    expect(sessions?.count).toBeGreaterThan(0);
    expect(sessions?.count).toBeLessThanOrEqual(POOL_SIZE);
    expect(locks).toEqual([]);
  });

  it('answers 503 and is not ready while the pooler is away, and goes on by itself', async () => {
    const client = new RestClient(url(), token);
    const appId = await client.createApplication('b');
    await client.createEndpoint(appId, `${receiver.url}/after`);
    await bouncer.kill();

    const refused = await post(appId, MESSAGES);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    for (const process of processes) {
      expect((await fetch(`${process.url}/health/ready`)).status).toBe(503);
      expect((await fetch(`${process.url}/health/live`)).status).toBe(200);
    }
    await bouncer.start();

    await eventually(async () => {
      for (const process of processes) {
        expect((await fetch(`${process.url}/health/ready`)).status).toBe(200);
      }
    }, 15_000);
    expect((await post(appId, MESSAGES)).status).toBe(202);
    await receiver.waitFor(() => receiver.requestsTo('/after').length === 1, 15_000);
  });

  it('writes nothing to its logs that a person must act on', () => {
    const lines = processes.flatMap((process) => [...process.stdout, ...process.stderr]);

    expect(lines.filter((line) => /"level":"(error|fatal)"|^\s+at /.test(line))).toEqual([]);
  });

  it('refuses to start when nobody said that there is a pooler', async () => {
    const server = spawnPosthorn({ env: { ...env, DATABASE_POOLER: 'none' } });

    expect(await server.waitExit()).toEqual({ code: 1, signal: null });
    expect(server.output()).toBe(
      'Cannot start, a setting is wrong:\nDATABASE_POOLER: DATABASE_URL leads to a pooler; say so with DATABASE_POOLER=transaction',
    );
  });
});

describe('one process without Redis behind PgBouncer', () => {
  let database: TestDatabase;
  let dataDir: string;

  beforeAll(async () => {
    database = await createEmptyDatabase();
    dataDir = await createDataDir();
  }, 60_000);

  afterAll(async () => {
    await removeDataDir(dataDir);
    await database.drop();
  });

  it.each([
    ['as it is installed', []],
    ['that takes every setting for granted', ['ignore_startup_parameters = statement_timeout']],
  ])('is refused by a pooler in transaction mode %s, and leaves no lock in it', async (_, settings) => {
    const bouncer = await startPgBouncer(database.url, { settings });
    const server = spawnPosthorn({ env: { DATABASE_URL: bouncer.url, DATA_DIR: dataDir } });

    expect(await server.waitExit()).toEqual({ code: 1, signal: null });
    expect(server.output()).toMatch(/^Cannot start, a setting is wrong:\nDATABASE_URL: without REDIS_URL /);
    const direct = await startPosthorn({ env: { DATABASE_URL: database.url, DATA_DIR: dataDir } });
    expect(await direct.stop()).toEqual({ code: 0, signal: null });
    await bouncer.stop();
  });

  it('works with a pooler in session mode', async () => {
    const settings = ['ignore_startup_parameters = statement_timeout,idle_in_transaction_session_timeout'];
    const bouncer = await startPgBouncer(database.url, { mode: 'session', poolSize: 20, settings });
    const server = await startPosthorn({ env: { DATABASE_URL: bouncer.url, DATA_DIR: dataDir } });

    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    await bouncer.stop();
  });
});

/** The statuses of the attempts of each message, newest first. */
async function statusesOf(client: RestClient, appId: string, endpointId: string): Promise<Map<string, number[]>> {
  const statuses = new Map<string, number[]>();
  for await (const page of client.attemptsOf(appId, endpointId)) {
    for (const { msgId, status } of page) {
      statuses.set(msgId, [...(statuses.get(msgId) ?? []), status]);
    }
  }
  return statuses;
}

/** `posthorn migrate`; returns what it prints. */
async function migrate(env: Record<string, string>): Promise<string> {
  const command = [join(process.cwd(), 'bin', 'posthorn.js'), 'migrate'];
  const { PATH, HOME } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, command, {
    env: { PATH, HOME, ...env },
    timeout: READY_TIMEOUT_MS,
  });
  return stdout;
}
