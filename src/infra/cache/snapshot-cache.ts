import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';

interface Options {
  /** Milliseconds after which an entry is read again, whatever happened. */
  ttlMs: number;
  maxEntries: number;
}

/**
 * Keeps what is read often and changes rarely, in the memory of this process. Concurrent reads of one key share one
 * load. An `invalidate` during a load wins: what was loaded before the change is handed out once and not kept.
 */
export class SnapshotCache<T extends object> {
  private readonly cache: Cache;
  private readonly loading = new Map<string, Promise<T | undefined>>();
  hits = 0;
  misses = 0;

  constructor(options: Options) {
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
  }

  /** The entry, loaded when it is not there. What does not exist is not remembered. */
  async get(key: string, load: () => Promise<T | undefined>): Promise<T | undefined> {
    const kept = await this.cache.get<T>(key);
    if (kept !== undefined) {
      this.hits++;
      return kept;
    }
    this.misses++;
    return this.loading.get(key) ?? this.load(key, load);
  }

  /** Forgets an entry; a load that is under way will not bring the old value back. */
  async invalidate(key: string): Promise<void> {
    this.loading.delete(key);
    await this.cache.del(key);
  }

  private load(key: string, load: () => Promise<T | undefined>): Promise<T | undefined> {
    const promise = load().then(
      async (value) => {
        if (this.loading.get(key) === promise) {
          if (value !== undefined) {
            await this.cache.set(key, value);
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
