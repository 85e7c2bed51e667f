import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RedisCacheBus } from '@/infra/cache/redis-cache-bus';
import { type Config, loadConfig } from '@/infra/config/config';
import { type Logger } from '@/infra/observability/logger';
import { TestBullQueue } from '@/infra/queue/bull-job-queue.fixture';
import { defineQueue } from '@/infra/queue/job-queue';
import { eventually } from '../../../test/support/eventually';
import { startRedis, type TestRedis } from '../../../test/support/redis';
import { startRedisCluster, startRedisSentinel } from '../../../test/support/redis-cluster';
import { systemProgram } from '../../../test/support/system-program';
import { createRedis } from './redis-clients';

interface Job {
  n: number;
}

const QUEUE = defineQueue<Job>('numbers', () => 100);
const SILENT = { debug: () => undefined, warn: () => undefined } as unknown as Logger;
const LONG_MS = 10_000;

jest.setTimeout(40_000);

/** Two processes with queue and cache channel, as the program has them. */
class Pair {
  readonly seen: number[] = [];
  readonly heard: string[] = [];
  gaps = 0;

  private constructor(
    readonly queues: readonly [TestBullQueue, TestBullQueue],
    readonly buses: readonly [RedisCacheBus, RedisCacheBus],
  ) {}

  static async start(config: Config): Promise<Pair> {
    const open = (): Promise<TestBullQueue> => TestBullQueue.open(config, ['numbers']);
    const buses = [new RedisCacheBus(config, SILENT), new RedisCacheBus(config, SILENT)] as const;
    const pair = new Pair([await open(), await open()], buses);
    buses[1].subscribe('things', { onChange: (key) => void pair.heard.push(key), onGap: () => void pair.gaps++ });
    buses.forEach((bus) => bus.onModuleInit());
    pair.queues[1].queue.consume(QUEUE, { concurrency: 2 }, async ({ n }) => void pair.seen.push(n));
    return pair;
  }

  /** Everything goes from the first process to the second. */
  async works(n: number): Promise<void> {
    await eventually(() => {
      expect(this.queues.map(({ queue }) => queue.isAvailable)).toEqual([true, true]);
      expect(this.buses.map((bus) => bus.isConnected)).toEqual([true, true]);
    }, LONG_MS);
    const [{ queue }] = this.queues;
    // As the scheduler does: what is not taken, or lost, is added again.
    await eventually(
      async () => {
        await queue.add(QUEUE, `job-${n}`, { n });
        expect(this.seen).toContain(n);
      },
      LONG_MS,
      100,
    );
    await eventually(
      async () => {
        await this.buses[0].publish('things', `key-${n}`);
        expect(this.heard).toContain(`key-${n}`);
      },
      LONG_MS,
      100,
    );
  }

  async stop(): Promise<void> {
    this.buses.forEach((bus) => bus.onApplicationShutdown());
    await Promise.all(this.queues.map((queue) => queue.close()));
  }
}

function configOf(url: string, env: Record<string, string> = {}): Config {
  return loadConfig({ REDIS_URL: url, DATABASE_URL: 'postgres://nobody@localhost/none', ...env });
}

describe('queue and cache channel', () => {
  let stops: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const stop of stops.reverse()) {
      await stop();
    }
    stops = [];
  });

  function inTheEnd(stop: () => Promise<void>): void {
    stops.push(stop);
  }

  async function startPair(config: Config): Promise<Pair> {
    const pair = await Pair.start(config);
    inTheEnd(() => pair.stop());
    return pair;
  }

  it('work on a Redis Cluster, and go on when a node comes back', async () => {
    const cluster = await startRedisCluster();
    inTheEnd(() => cluster.stop());
    const pair = await startPair(configOf(cluster.url, { REDIS_MODE: 'cluster' }));
    await pair.works(1);
    const keys = await Promise.all(
      cluster.nodes.map(({ server }) => server.command((client) => client.keys('{posthorn}:*'))),
    );
    expect(keys.filter((ofNode) => ofNode.length > 0)).toHaveLength(1);

    for (const node of cluster.nodes) {
      await node.restart();
    }

    await pair.works(2);
    expect(pair.gaps).toBeGreaterThan(1);
  });

  it('go on with the replica that a sentinel puts in the place of the master', async () => {
    const group = await startRedisSentinel();
    inTheEnd(() => group.stop());
    const pair = await startPair(configOf(group.url, { REDIS_MODE: 'sentinel', REDIS_SENTINEL_NAME: 'main' }));
    await pair.works(1);

    await group.master.server.kill();

    await eventually(async () => {
      expect(await group.replica.server.command((client) => client.info('replication'))).toContain('role:master');
    }, LONG_MS);
    await pair.works(2);
  });

  it('reach a master behind sentinels that have a password of their own', async () => {
    const group = await startRedisSentinel({ sentinel: 'of-the-sentinels', server: 'of-the-servers' });
    inTheEnd(() => group.stop());
    const url = group.url.replace('redis://', 'redis://:of-the-servers@');
    const env = { REDIS_MODE: 'sentinel', REDIS_SENTINEL_NAME: 'main' };
    const pair = await startPair(configOf(url, { ...env, REDIS_SENTINEL_PASSWORD: 'of-the-sentinels' }));

    await pair.works(1);

    await group.master.server.kill();
    await pair.works(2);

    const refusals: string[] = [];
    const client = createRedis(configOf(url, env), 'commands');
    inTheEnd(async () => client.disconnect());
    client.on('error', (error: Error) => void refusals.push(error.message));
    await eventually(() => expect(refusals.join()).toContain('NOAUTH'), LONG_MS);
  });

  it('work for a user with few rights, over TLS with an authority of one’s own', async () => {
    const { redis, ca } = await startSecuredRedis();
    inTheEnd(() => redis.stop());
    const url = `rediss://posthorn:p%40ss@127.0.0.1:${redis.port}`;
    const pair = await startPair(configOf(url, { REDIS_CA: ca }));

    await pair.works(1);

    await redis.restart();
    await pair.works(2);
  });

  it.each([
    ['with a wrong password', (url: string) => url.replace('p%40ss', 'wrong'), true],
    ['without the authority', (url: string) => url, false],
    ['without TLS', (url: string) => url.replace('rediss', 'redis'), true],
  ])('are not available %s, and do not bring the process down', async (_, change, hasCa) => {
    const { redis, ca } = await startSecuredRedis();
    inTheEnd(() => redis.stop());
    const url = change(`rediss://posthorn:p%40ss@127.0.0.1:${redis.port}`);
    const pair = await startPair(configOf(url, hasCa ? { REDIS_CA: ca } : {}));

    await new Promise((resolve) => setTimeout(resolve, 500));

    expect(await pair.queues[0].queue.add(QUEUE, 'job', { n: 1 })).toBe(false);
    expect(pair.queues.map(({ queue }) => queue.isAvailable)).toEqual([false, false]);
    expect(pair.buses.map((bus) => bus.isConnected)).toEqual([false, false]);
  });
});

/** A Redis with TLS only, and one user, who may do no more than the documentation asks for. */
async function startSecuredRedis(): Promise<{ redis: TestRedis; ca: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'posthorn-tls-'));
  const file = (name: string): string => join(dir, name);
  await makeCertificates(await systemProgram('openssl', 'openssl'), file);
  const ca = await readFile(file('ca.crt'), 'utf8');
  const rights = '~posthorn:* &posthorn:* +@all -@admin -@dangerous +info';
  const redis = await startRedis({
    settings: (port) => [
      'port 0',
      `tls-port ${port}`,
      `tls-cert-file ${file('redis.crt')}`,
      `tls-key-file ${file('redis.key')}`,
      `tls-ca-cert-file ${file('ca.crt')}`,
      'tls-auth-clients no',
      `user default on >of-the-tests ~* &* +@all`,
      `user posthorn on >p@ss ${rights}`,
    ],
    connection: { tls: { ca }, password: 'of-the-tests' },
  });
  return {
    redis: {
      ...redis,
      get pid() {
        return redis.pid;
      },
      stop: async () => {
        await redis.stop();
        await rm(dir, { recursive: true, force: true });
      },
    },
    ca,
  };
}

async function makeCertificates(openssl: string, file: (name: string) => string): Promise<void> {
  const run = (...args: string[]): Promise<unknown> => promisify(execFile)(openssl, args);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await writeFile(file('names'), 'subjectAltName=IP:127.0.0.1\n');
  await run(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
    '-subj',
    '/CN=ca',
    '-days',
    '2',
  );
  await run('req', ...newKey, '-keyout', file('redis.key'), '-out', file('redis.csr'), '-subj', '/CN=redis');
  const authority = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2'];
  await run(
    'x509',
    '-req',
    '-in',
    file('redis.csr'),
    ...authority,
    '-extfile',
    file('names'),
    '-out',
    file('redis.crt'),
  );
}
