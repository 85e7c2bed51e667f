import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';
import { type CacheBus, LocalCacheBus } from './cache-bus';

/** How a cache behaves. */
export interface SnapshotCacheOptions {
  /** Milliseconds after which an entry is read again, whatever happened. */
  ttlMs: number;
  maxEntries: number;
  /** Name under which processes tell each other of changes. */
  name?: string;
}

interface Entry<T> {
  value: T;
  loadedAtMs: number;
}

/** While changes of other processes cannot be heard, an entry is trusted for as long as this. */
const DEAF_TTL_MS = 1_000;

/**
 * Keeps what is read often and changes rarely, in the memory of this process. Concurrent reads of one key share one
 * load. An `invalidate` during a load wins: what was loaded before the change is handed out once and not kept.
 */
export class SnapshotCache<T extends object> {
  private readonly cache: Cache;
  private readonly loading = new Map<string, Promise<T | undefined>>();
  private readonly name: string;
  hits = 0;
  misses = 0;

  constructor(
    options: SnapshotCacheOptions,
    private readonly bus: CacheBus = new LocalCacheBus(),
  ) {
    this.name = options.name ?? '';
    const store = new LRUCache<string, object>({ max: options.maxEntries });
    this.cache = createCache({
      stores: [
        new Keyv({
          store: {
            get: (key: string) => store.get(key),
            set: (key: string, value: object) => void store.set(key, value),
            delete: (key: string) => store.delete(key),
            clear: () => store.clear(),
          },
          ttl: options.ttlMs,
          useKeyPrefix: false,
          // Values stay the objects that they are.
          serialize: undefined,
          deserialize: undefined,
        }),
      ],
    });
    bus.subscribe(this.name, {
      onChange: (key) => void this.forget(key),
      onGap: () => {
        this.loading.clear();
        store.clear();
      },
    });
  }

  /** The entry, loaded when it is not there. What does not exist is not remembered. */
  async get(key: string, load: () => Promise<T | undefined>): Promise<T | undefined> {
    const kept = await this.cache.get<Entry<T>>(key);
    if (kept !== undefined && (this.bus.isConnected || Date.now() - kept.loadedAtMs < DEAF_TTL_MS)) {
      this.hits++;
      return kept.value;
    }
    this.misses++;
    return this.loading.get(key) ?? this.load(key, load);
  }

  /** Forgets an entry here and in all processes; a load that is under way will not bring the old value back. */
  async invalidate(key: string): Promise<void> {
    await this.forget(key);
    await this.bus.publish(this.name, key);
  }

  private async forget(key: string): Promise<void> {
    this.loading.delete(key);
    await this.cache.del(key);
  }

  private load(key: string, load: () => Promise<T | undefined>): Promise<T | undefined> {
    const loadedAtMs = Date.now();
    const promise = load().then(
      async (value) => {
        if (this.loading.get(key) === promise) {
          if (value !== undefined) {
            await this.cache.set(key, { value, loadedAtMs } satisfies Entry<T>);
          }
          // The set itself may have been overtaken by an invalidation.
          if (this.loading.get(key) === promise) {
            this.loading.delete(key);
          } else {
            await this.cache.del(key);
          }
        }
        return value;
      },
      (error: unknown) => {
        if (this.loading.get(key) === promise) {
          this.loading.delete(key);
        }
        throw error;
      },
    );
    this.loading.set(key, promise);
    return promise;
  }
}
