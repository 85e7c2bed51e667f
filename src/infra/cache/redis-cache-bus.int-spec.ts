import { EventEmitter, once } from 'node:events';
import { type Config, loadConfig } from '@/infra/config/config';
import { type Logger } from '@/infra/observability/logger';
import { eventually } from '../../../test/support/eventually';
import { startRedis, type TestRedis } from '../../../test/support/redis';
import { TcpProxy } from '../../../test/support/tcp-proxy';
import { RedisCacheBus } from './redis-cache-bus';
import { SnapshotCache } from './snapshot-cache';

jest.setTimeout(30_000);

/** A process: its bus, and what a cache of it hears. */
class Listening {
  readonly events = new EventEmitter();
  readonly heard: string[] = [];
  readonly warnings: string[] = [];
  gaps = 0;
  readonly bus: RedisCacheBus;

  constructor(config: Config, { isInitialized } = { isInitialized: true }) {
    const log = { debug: () => undefined, warn: (_: object, text: string) => void this.warnings.push(text) };
    this.bus = new RedisCacheBus(config, log as unknown as Logger);
    this.bus.subscribe('things', {
      onChange: (key) => {
        this.heard.push(key);
        this.events.emit('change', key);
      },
      onGap: () => {
        this.gaps++;
        this.events.emit('gap');
      },
    });
    if (isInitialized) {
      this.bus.onModuleInit();
    }
  }
}

describe('RedisCacheBus', () => {
  let redis: TestRedis;
  let opened: Listening[];

  beforeAll(async () => {
    redis = await startRedis();
  }, 200_000);

  afterAll(() => redis.stop());

  beforeEach(() => {
    opened = [];
  });

  afterEach(() => opened.forEach(({ bus }) => bus.onApplicationShutdown()));

  function start(env: Record<string, string> = {}): Listening {
    const config = loadConfig({ REDIS_URL: redis.url, DATABASE_URL: 'postgres://nobody@localhost/none', ...env });
    const process = new Listening(config);
    opened.push(process);
    return process;
  }

  async function startJoined(env: Record<string, string> = {}): Promise<Listening> {
    const process = start(env);
    await eventually(() => expect(process.bus.isConnected).toBe(true));
    return process;
  }

  /** Two that have joined, and the first one's way to Redis is cut then. */
  async function startCutOff(): Promise<{ way: TcpProxy; one: Listening; other: Listening }> {
    const url = new URL(redis.url);
    const way = await TcpProxy.start(Number(url.port));
    url.port = String(way.port);
    const [one, other] = [await startJoined({ REDIS_URL: url.href }), await startJoined()];
    way.cut();
    way.reset();
    return { way, one, other };
  }

  it('tells another process of a change, at once', async () => {
    const [one, other] = [await startJoined(), await startJoined()];
    const change = once(other.events, 'change', { signal: AbortSignal.timeout(1_000) });

    await one.bus.publish('things', 'a key with spaces');

    expect(await change).toEqual(['a key with spaces']);
  });

  it('keeps caches of other names and products of other prefixes apart', async () => {
    const [one, other] = [await startJoined(), await startJoined()];
    const neighbour = await startJoined({ REDIS_KEY_PREFIX: 'neighbour' });

    await one.bus.publish('others', 'not-for-things');
    await one.bus.publish('things', 'last');

    await eventually(() => expect(other.heard).toEqual(['last']));
    expect(neighbour.heard).toEqual([]);
  });

  it('makes the cache of another process read again', async () => {
    const [one, other] = [start(), start()];
    const [writer, reader] = [one, other].map(
      ({ bus }) => new SnapshotCache<{ version: number }>({ ttlMs: 60_000, maxEntries: 10, name: 'versions' }, bus),
    );
    let version = 1;
    const load = async (): Promise<{ version: number }> => ({ version });
    await eventually(() => expect([one.bus.isConnected, other.bus.isConnected]).toEqual([true, true]));
    await reader?.get('a', load);

    version = 2;
    await writer?.invalidate('a');

    await eventually(async () => expect(await reader?.get('a', load)).toEqual({ version: 2 }), 1_000, 5);
  });

  it('stays joined when nothing happens for seconds', async () => {
    const one = await startJoined();
    await new Promise((resolve) => setTimeout(resolve, 6_500));

    expect({ gaps: one.gaps, isConnected: one.bus.isConnected, warnings: one.warnings }).toEqual({
      gaps: 1,
      isConnected: true,
      warnings: [],
    });
  });

  it('says that it hears nothing while Redis is away, and forgets all when it is back', async () => {
    const [one, other] = [await startJoined(), await startJoined()];
    const gaps = other.gaps;

    await redis.server.kill();
    await eventually(() => expect(other.bus.isConnected).toBe(false));
    await expect(one.bus.publish('things', 'lost')).resolves.toBeUndefined();
    expect(other.warnings).toHaveLength(1);

    await redis.server.start();
    await eventually(() => expect([one.bus.isConnected, other.bus.isConnected]).toEqual([true, true]), 10_000);
    expect(other.gaps).toBe(gaps + 1);
    await eventually(async () => {
      await one.bus.publish('things', 'heard');
      expect(other.heard).toContain('heard');
    });
    expect(other.heard).not.toContain('lost');
  });

  it('notices a Redis that does not answer any more, and forgets all when it does again', async () => {
    const one = await startJoined();
    const gaps = one.gaps;

    redis.server.pause();
    try {
      await eventually(() => expect(one.bus.isConnected).toBe(false));
    } finally {
      redis.server.resume();
    }

    await eventually(() => expect(one.bus.isConnected).toBe(true), 10_000);
    expect(one.gaps).toBeGreaterThan(gaps);
  });

  it('tells others later what it could not tell while only its own way to Redis was broken', async () => {
    const { way, one, other } = await startCutOff();
    try {
      const gaps = other.gaps;
      await one.bus.publish('things', 'told late');
      await one.bus.publish('things', 'and this');
      expect(other.heard).toEqual([]);
      way.heal();
      way.reset();

      // A change whose answer was lost may be told twice.
      await eventually(() => expect(new Set(other.heard)).toEqual(new Set(['told late', 'and this'])), 10_000);
      expect(other.gaps).toBe(gaps);
    } finally {
      await way.close();
    }
  });

  it('tells others to forget all when there was too much that it could not tell', async () => {
    const { way, one, other } = await startCutOff();
    try {
      const gaps = other.gaps;
      await eventually(() => expect(one.bus.isConnected).toBe(false));
      await Promise.all(Array.from({ length: 1_001 }, (_, index) => one.bus.publish('things', `key ${index}`)));
      way.heal();
      way.reset();

      await eventually(() => expect(other.gaps).toBe(gaps + 1), 10_000);
      expect(other.heard).toEqual([]);
    } finally {
      await way.close();
    }
  });

  it('joins also when its connections are ready before the program has started', async () => {
    const config = loadConfig({ REDIS_URL: redis.url, DATABASE_URL: 'postgres://nobody@localhost/none' });
    const process = new Listening(config, { isInitialized: false });
    opened.push(process);
    await eventually(async () => {
      const clients = await redis.server.command((client) => client.call('CLIENT', 'LIST'));
      // Its two, and the one that asks.
      expect(String(clients).trim().split('\n')).toHaveLength(3);
    });
    await new Promise((resolve) => setTimeout(resolve, 100));

    process.bus.onModuleInit();

    await eventually(() => expect(process.bus.isConnected).toBe(true));
  });

  it('joins a Redis that comes later', async () => {
    await redis.server.kill();
    const one = start();
    expect(one.bus.isConnected).toBe(false);

    await redis.server.start();

    await eventually(() => expect(one.bus.isConnected).toBe(true), 10_000);
    expect(one.warnings).toEqual([]);
  });
});
