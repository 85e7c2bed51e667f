import { Injectable } from '@nestjs/common';
import { type ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';

const MAX_KEYS = 50_000;

interface Window {
  endsAtMs: number;
  hits: number;
}

/**
 * Counts requests in fixed windows, in bounded memory. The storage that comes with the throttler sets a timer for every
 * request, which thousands of requests a second cannot afford.
 */
@Injectable()
export class WindowStorage implements ThrottlerStorage {
  private readonly windows = new LRUCache<string, Window>({ max: MAX_KEYS });

  async increment(
    key: string,
    ttl: number,
    limit: number,
  ): Promise<{ totalHits: number; timeToExpire: number; isBlocked: boolean; timeToBlockExpire: number }> {
    const nowMs = Date.now();
    let window = this.windows.get(key);
    if (window === undefined || window.endsAtMs <= nowMs) {
      window = { endsAtMs: nowMs + ttl, hits: 0 };
      this.windows.set(key, window);
    }
    window.hits++;
    const seconds = Math.max(1, Math.ceil((window.endsAtMs - nowMs) / 1000));
    return {
      totalHits: window.hits,
      timeToExpire: seconds,
      isBlocked: window.hits > limit,
      timeToBlockExpire: seconds,
    };
  }
}
