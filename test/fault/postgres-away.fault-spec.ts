import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { findCluster } from '@/infra/database/embedded/cluster';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@/infra/database/embedded/embedded-postgres';
import { findPostmaster } from '@/infra/database/embedded/postmaster';
import { callApi } from '../support/api';
import { createDataDir, findPostgres, removeDataDir } from '../support/data-dir';
import { eventually } from '../support/eventually';
import { createToken, type PosthornProcess, type ServerEnv, startPosthorn } from '../support/posthorn-process';
import { type Receiver, startReceiver } from '../support/receiver';
import { startRedis, type TestRedis } from '../support/redis';
import { RestClient } from '../support/rest-client';
import { TcpProxy } from '../support/tcp-proxy';
import { Undertaker } from '../support/undertaker';

const RED_WITHIN_MS = 10_000;
const HEALED_WITHIN_MS = 20_000;
const DELIVERED_WITHIN_MS = 40_000;
const OUTCOMES = 20;

interface Probe {
  status: number;
  body: { status: string; details: Record<string, { status: string; message?: string }> };
}

async function probe(server: PosthornProcess, path: string): Promise<Probe> {
  const response = await fetch(server.url + path);
  return { status: response.status, body: (await response.json()) as Probe['body'] };
}

let dir: string;
let undertaker: Undertaker;
let postgres: EmbeddedPostgres;
let databases = 0;
let receiver: Receiver;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'posthorn-fault-'));
  await chmod(dir, 0o755); // as root PostgreSQL runs as another user, who has to get in
  undertaker = new Undertaker(dir);
  postgres = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres'), log: () => undefined });
  undertaker.watch(await postmaster());
}, 60_000);

afterAll(async () => {
  await postgres?.stop();
  undertaker?.dismiss();
  await removeDataDir(join(dir, 'postgres'));
  await rm(dir, { recursive: true, force: true });
}, 60_000);

/** The process id of the PostgreSQL that standalone and distributed programs use; throws when it does not run. */
async function postmaster(): Promise<number> {
  const cluster = await findCluster(join(dir, 'postgres'));
  const running = cluster && (await findPostmaster(cluster.dir));
  if (running === undefined) {
    throw new Error('PostgreSQL does not run');
  }
  return running.pid;
}

async function createDatabase(): Promise<string> {
  const url = new URL(postgres.connectionUrl);
  const client = new Client({ connectionString: url.href });
  await client.connect();
  url.pathname = `/away_${++databases}`;
  await client.query(`CREATE DATABASE ${url.pathname.slice(1)}`);
  await client.end();
  return url.href;
}

let env: ServerEnv;
let dataDir: string;
let redis: TestRedis | undefined;
let servers: PosthornProcess[] = [];

beforeEach(async () => {
  dataDir = await createDataDir();
  env = { DATA_DIR: dataDir, EGRESS_ALLOW_SUBNETS: '127.0.0.0/8', RETRY_SCHEDULE: '0.2,0.2' };
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  servers = [];
  await receiver?.close();
  await redis?.stop();
  redis = undefined;
  await removeDataDir(dataDir);
}, 60_000);

async function start(roles: string[]): Promise<PosthornProcess> {
  for (const role of roles) {
    servers.push(await startPosthorn({ env, args: ['--role', role] }));
  }
  return servers[0] as PosthornProcess;
}

/** Cuts off all connections, and takes no new ones until the returned function is called. */
async function freezeEmbedded(): Promise<() => Promise<void>> {
  const { pid, databaseUrl } = (await findPostgres(dataDir)) ?? { pid: -1, databaseUrl: '' };
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  process.kill(pid, 'SIGSTOP');
  await client.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'posthorn%' AND pid <> pg_backend_pid()",
  );
  await client.end();
  return async () => void process.kill(pid, 'SIGCONT');
}

/** Ends the server, and starts it again when the returned function is called. */
async function stopServer(): Promise<() => Promise<void>> {
  const pid = await postmaster();
  process.kill(pid, 'SIGINT');
  await eventually(() => expect(postmaster()).rejects.toThrow(), HEALED_WITHIN_MS);
  undertaker.forget(pid);
  return async () => {
    await postgres.revive();
    undertaker.watch(await postmaster());
  };
}

describe.each<{
  mode: string;
  roles: string[];
  prepare: () => Promise<void>;
  away: () => Promise<() => Promise<void>>;
}>([
  { mode: 'embedded', roles: ['all'], prepare: async () => undefined, away: freezeEmbedded },
  {
    mode: 'standalone',
    roles: ['all'],
    prepare: async () => void (env['DATABASE_URL'] = await createDatabase()),
    away: stopServer,
  },
  {
    mode: 'distributed',
    roles: ['api', 'worker', 'scheduler'],
    prepare: async () => {
      redis = await startRedis();
      Object.assign(env, { DATABASE_URL: await createDatabase(), REDIS_URL: redis.url });
    },
    away: stopServer,
  },
])('without PostgreSQL, in $mode mode, Posthorn', ({ roles, prepare, away }) => {
  it('refuses with 503 and Retry-After, is not ready and says why, lives, and heals by itself', async () => {
    receiver = await startReceiver();
    await prepare();
    const api = await start(roles);
    const token = await createToken(env);
    const client = new RestClient(api.url, token);
    const appId = await client.createApplication('a');
    await client.createEndpoint(appId, `${receiver.url}/hook`);
    const post = (): ReturnType<typeof callApi> =>
      callApi(api.url, token, 'POST', `/app/${appId}/msg`, { eventType: 'a', payload: {} });
    expect((await post()).status).toBe(202);

    const back = await away();
    for (const server of servers) {
      await eventually(async () => {
        expect(await probe(server, '/health/ready')).toMatchObject({
          status: 503,
          body: { status: 'error', details: { database: { status: 'down', message: expect.stringMatching(/\w/) } } },
        });
      }, RED_WITHIN_MS);
      expect((await probe(server, '/health/live')).status).toBe(200);
    }
    for (const refused of [await post(), await callApi(api.url, token, 'GET', '/app')]) {
      expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable' } });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }

    await back();

    for (const server of servers) {
      await eventually(async () => expect((await probe(server, '/health/ready')).status).toBe(200), HEALED_WITHIN_MS);
      expect(server.hasExited).toBe(false);
    }
    expect((await post()).status).toBe(202);
    await receiver.waitFor(() => receiver.requestsTo('/hook').length === 2, DELIVERED_WITHIN_MS);
    for (const server of servers) {
      expect(server.stdout.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
      expect(await server.stop()).toEqual({ code: 0, signal: null });
    }
  }, 120_000);
});

describe('a stop while PostgreSQL', () => {
  it.each<[string, boolean, (way: TcpProxy) => unknown]>([
    ['refuses connections', false, (way) => way.close()],
    ['is silent', true, (way) => way.cut()],
  ])(
    'that %s ends in time with exit code 1, says what was not written, and loses no delivery',
    async (_, isCutOff, strike) => {
      const answers: (() => void)[] = [];
      receiver = await startReceiver({
        respond: () => new Promise((resolve) => answers.push(() => resolve({ status: 200 }))),
      });
      const databaseUrl = await createDatabase();
      const way = await TcpProxy.start(Number(new URL(databaseUrl).port));
      const throughProxy = new URL(databaseUrl);
      throughProxy.port = String(way.port);
      Object.assign(env, { DATABASE_URL: throughProxy.href, SHUTDOWN_TIMEOUT_SECONDS: '6' });
      const server = await start(['all']);
      const token = await createToken(env);
      const client = new RestClient(server.url, token);
      const appId = await client.createApplication('a');
      const endpointId = await client.createEndpoint(appId, `${receiver.url}/hook`);
      const ids = await Promise.all(
        Array.from({ length: OUTCOMES }, async () => {
          const path = `/app/${appId}/msg`;
          const { body } = await callApi<{ id: string }>(server.url, token, 'POST', path, {
            eventType: 'a',
            payload: {},
          });
          return body.id;
        }),
      );
      await eventually(() => expect(answers).toHaveLength(OUTCOMES));

      await strike(way);
      answers.splice(0).forEach((answer) => answer());
      server.kill('SIGTERM');

      expect(await server.waitExit()).toEqual({ code: 1, signal: null });
      const entries = server.stdout.map(
        (line) => JSON.parse(line) as { level: string; msg: string; outcomes?: number },
      );
      const [said] = entries.filter(({ msg }) => msg.startsWith('outcomes could not be written before the stop'));
      expect(said).toMatchObject({ level: 'warn', outcomes: expect.any(Number) });
      expect(said?.outcomes).toBeGreaterThanOrEqual(OUTCOMES);
      expect(entries.some(({ msg }) => msg.startsWith('the stop was cut off'))).toBe(isCutOff);
      expect(entries.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);

      await way.close();
      receiver.script('/hook', () => ({ status: 200 }));
      env['DATABASE_URL'] = databaseUrl;
      servers = [];
      const next = await start(['all']);
      const again = new RestClient(next.url, token);
      await eventually(async () => {
        for await (const page of again.attemptsOf(appId, endpointId)) {
          expect(
            page
              .filter(({ status }) => status === 0)
              .map(({ msgId }) => msgId)
              .sort(),
          ).toEqual([...ids].sort());
        }
      }, DELIVERED_WITHIN_MS);
    },
    120_000,
  );
});
