import { LRUCache } from 'lru-cache';
import { type ResolvedHost } from './system-resolver';

const MAX_NAMES = 5_000;
const FAILURE_TTL_MS = 2_000;
const LOOKUP_LIMIT_MS = 10_000;

interface CacheEntry {
  readonly result: Promise<readonly string[]>;
  /** On the scale of performance.now(); Infinity while the lookup is under way. */
  expiresAt: number;
}

/**
 * Keeps resolved names for their TTL and failures for two seconds, lets concurrent callers share one lookup, and gives up
 * on a lookup after ten seconds. Bounded: the names that nobody asked for longest go first.
 */
export class CachingResolver {
  private readonly entries = new LRUCache<string, CacheEntry>({ max: MAX_NAMES });

  constructor(
    private readonly resolveHost: (hostname: string) => Promise<ResolvedHost>,
    private readonly limitMs = LOOKUP_LIMIT_MS,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Rejects with the error of the underlying resolver, or with code ETIMEOUT. */
  resolve(hostname: string): Promise<readonly string[]> {
    const known = this.entries.get(hostname);
    if (known !== undefined && this.now() < known.expiresAt) {
      return known.result;
    }
    const entry: CacheEntry = {
      result: this.lookUp(hostname, (ttlMs) => this.expire(entry, ttlMs)),
      expiresAt: Infinity,
    };
    // Every caller awaits the result itself; this only keeps a failure that nobody waits for any more from being "unhandled".
    entry.result.catch(() => undefined);
    this.entries.set(hostname, entry);
    return entry.result;
  }

  /** Makes the next call ask again, for example because no connection to the address could be made. */
  forget(hostname: string): void {
    const entry = this.entries.get(hostname);
    if (entry !== undefined && entry.expiresAt !== Infinity) {
      this.entries.delete(hostname);
    }
  }

  private async lookUp(hostname: string, settle: (ttlMs: number) => void): Promise<readonly string[]> {
    try {
      const { addresses, ttlMs } = await withLimit(this.resolveHost(hostname), this.limitMs);
      settle(ttlMs);
      return addresses;
    } catch (error) {
      settle(FAILURE_TTL_MS);
      throw error;
    }
  }

  private expire(entry: CacheEntry, ttlMs: number): void {
    entry.expiresAt = this.now() + ttlMs;
  }
}

async function withLimit<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(Object.assign(new Error('no answer from the name servers'), { code: 'ETIMEOUT' }));
    }, limitMs);
    // Whoever waits has a deadline of their own; a lookup that nobody waits for must not keep the process alive.
    timer.unref();
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
