import { CacheBus, type CacheListener } from './cache-bus';
import { SnapshotCache } from './snapshot-cache';

interface Value {
  version: number;
}

/** A load that ends when the test says so. */
function pendingLoad(): {
  load: () => Promise<Value | undefined>;
  end: (value: Value | undefined) => void;
  count: number;
} {
  const state = {
    count: 0,
    end: undefined as unknown as (value: Value | undefined) => void,
    load: (): Promise<Value | undefined> => {
      state.count++;
      return new Promise((resolve) => (state.end = resolve));
    },
  };
  return state;
}

/** The other processes, as the test plays them. */
class FakeCacheBus extends CacheBus {
  readonly published: string[] = [];
  readonly listeners = new Map<string, CacheListener>();
  isConnected = true;

  async publish(cache: string, key: string): Promise<void> {
    this.published.push(`${cache} ${key}`);
  }

  subscribe(cache: string, listener: CacheListener): void {
    this.listeners.set(cache, listener);
  }
}

describe('SnapshotCache', () => {
  let cache: SnapshotCache<Value>;
  let version: number;
  let loads: number;

  beforeEach(() => {
    cache = new SnapshotCache({ ttlMs: 50, maxEntries: 3 });
    version = 1;
    loads = 0;
  });

  const load = async (): Promise<Value> => {
    loads++;
    return { version };
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('loads once, and then gives the same object', async () => {
    const first = await cache.get('a', load);

    expect(await cache.get('a', load)).toBe(first);
    expect(loads).toBe(1);
    expect([cache.hits, cache.misses]).toEqual([1, 1]);
  });

  it('shares one load among all who ask meanwhile', async () => {
    const slow = pendingLoad();
    const waiting = [cache.get('a', slow.load), cache.get('a', slow.load), cache.get('a', slow.load)];
    await turn();
    slow.end({ version: 7 });

    expect(await Promise.all(waiting)).toEqual([{ version: 7 }, { version: 7 }, { version: 7 }]);
    expect(slow.count).toBe(1);
  });

  it('loads again after an invalidation, and after its time', async () => {
    await cache.get('a', load);
    version = 2;
    await cache.invalidate('a');
    expect(await cache.get('a', load)).toEqual({ version: 2 });

    version = 3;
    await new Promise((resolve) => setTimeout(resolve, 70));
    expect(await cache.get('a', load)).toEqual({ version: 3 });
  });

  it('does not keep what was loaded before an invalidation', async () => {
    const slow = pendingLoad();
    const early = cache.get('a', slow.load);
    await turn();
    await cache.invalidate('a');
    version = 2;
    slow.end({ version: 1 });

    expect(await early).toEqual({ version: 1 });
    await turn();
    expect(await cache.get('a', load)).toEqual({ version: 2 });
  });

  it('gives nobody who asks after an invalidation a load from before', async () => {
    const slow = pendingLoad();
    void cache.get('a', slow.load);
    await turn();
    await cache.invalidate('a');
    version = 2;
    const late = cache.get('a', load);
    slow.end({ version: 1 });

    expect(await late).toEqual({ version: 2 });
    await turn();
    expect(await cache.get('a', load)).toEqual({ version: 2 });
    expect(loads).toBe(1);
  });

  it('does not keep a value whose storing is overtaken by an invalidation', async () => {
    for (let turns = 0; turns < 8; turns++) {
      const slow = pendingLoad();
      const key = `key-${turns}`;
      const early = cache.get(key, slow.load);
      await turn();
      slow.end({ version: 1 });
      for (let n = 0; n < turns; n++) {
        await Promise.resolve();
      }
      await cache.invalidate(key);
      await early;
      await turn();
      version = 2;
      expect(await cache.get(key, load)).toEqual({ version: 2 });
    }
  });

  it('remembers neither what does not exist nor an error', async () => {
    expect(await cache.get('a', async () => undefined)).toBeUndefined();
    await expect(cache.get('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away');

    expect(await cache.get('a', load)).toEqual({ version: 1 });
  });

  it('keeps no more entries than it may, and those used last', async () => {
    for (const key of ['a', 'b', 'c', 'a', 'd']) {
      await cache.get(key, load);
    }
    expect(loads).toBe(4);
    await cache.get('a', load);
    expect(loads).toBe(4);
    await cache.get('b', load);
    expect(loads).toBe(5);
  });

  describe('between processes', () => {
    let bus: FakeCacheBus;

    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
      bus = new FakeCacheBus();
      cache = new SnapshotCache({ ttlMs: 60_000, maxEntries: 10, name: 'things' }, bus);
    });

    afterEach(() => jest.useRealTimers());

    it('tells the others what it forgets, after it has forgotten it', async () => {
      await cache.get('a', load);
      await cache.invalidate('a');

      expect(bus.published).toEqual(['things a']);
    });

    it('hears of a change that another process has made, and does not tell it on', async () => {
      const kept = await cache.get('b', load);
      await cache.get('a', load);
      version = 2;

      bus.listeners.get('things')?.onChange('a');

      expect(await cache.get('a', load)).toEqual({ version: 2 });
      expect(await cache.get('b', load)).toBe(kept);
      expect(bus.published).toEqual([]);
    });

    it('does not keep what was loading when another process made a change', async () => {
      const slow = pendingLoad();
      const early = cache.get('a', slow.load);
      await turn();
      bus.listeners.get('things')?.onChange('a');
      slow.end({ version: 1 });
      await early;
      version = 2;

      expect(await cache.get('a', load)).toEqual({ version: 2 });
    });

    it('reads entries again that are older than a second while it cannot hear the others', async () => {
      await cache.get('a', load);
      bus.isConnected = false;
      jest.advanceTimersByTime(999);
      version = 2;
      expect(await cache.get('a', load)).toEqual({ version: 1 });

      jest.advanceTimersByTime(1);
      expect(await cache.get('a', load)).toEqual({ version: 2 });
      version = 3;
      expect(await cache.get('a', load)).toEqual({ version: 2 });
    });

    it('counts the age of an entry from the beginning of its load', async () => {
      bus.isConnected = false;
      const slow = pendingLoad();
      const early = cache.get('a', slow.load);
      await turn();
      jest.advanceTimersByTime(1_000);
      slow.end({ version: 1 });
      await early;
      version = 2;

      expect(await cache.get('a', load)).toEqual({ version: 2 });
    });

    it('trusts its entries for their whole time while it hears the others', async () => {
      await cache.get('a', load);
      jest.advanceTimersByTime(59_000);
      version = 2;

      expect(await cache.get('a', load)).toEqual({ version: 1 });
    });

    it('forgets everything when it may have missed a change, also what is loading', async () => {
      const slow = pendingLoad();
      await cache.get('a', load);
      const early = cache.get('b', slow.load);
      await turn();

      bus.listeners.get('things')?.onGap();
      slow.end({ version: 1 });
      await early;
      await turn();
      version = 2;

      expect(await cache.get('a', load)).toEqual({ version: 2 });
      expect(await cache.get('b', load)).toEqual({ version: 2 });
    });
  });
});
