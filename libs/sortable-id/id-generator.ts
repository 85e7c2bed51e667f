import { randomFillSync } from 'node:crypto';
import { EPOCH_MS, MAX_TICK, TICK_MS, writeTick } from './id-time';
import { encodePayload, filledPayload, incrementPayload } from './ksuid-payload';

/** A clock that steps back by at most this much keeps ids increasing; a larger step is followed. */
export const MAX_CLOCK_STEP_BACK_MS = 10_000;

const MAX_TICKS_BACK = MAX_CLOCK_STEP_BACK_MS / TICK_MS;
const WORDS_PER_ID = 4;
// 8 KB of random bytes at a time: one call for 512 ids, a few microseconds.
const pool = new Uint32Array(WORDS_PER_ID * 512);
let poolAt = pool.length;

/** Makes the payloads of one id prefix, strictly increasing as `next` describes. */
export class IdGenerator {
  readonly #payload = filledPayload(0);
  #tick = -1;

  /**
   * The base62 payload of a new id for the time in ms. Within one tick of 4 ms, and while the clock is up to 10 s behind
   * the last id, the last payload plus one is used. Throws RangeError for a time that ids cannot express.
   */
  next(nowMs: number): string {
    const tick = Math.floor((nowMs - EPOCH_MS) / TICK_MS);
    if (!(tick >= 0 && tick <= MAX_TICK)) {
      throw new RangeError('An id can only be made for a time from May 2014 to June 2150');
    }
    if (tick > this.#tick || tick < this.#tick - MAX_TICKS_BACK) {
      this.#startTick(tick);
    } else {
      incrementPayload(this.#payload);
    }
    return encodePayload(this.#payload);
  }

  #startTick(tick: number): void {
    if (poolAt === pool.length) {
      randomFillSync(pool);
      poolAt = 0;
    }
    // The first of the 120 random bits stays 0: increments have 2^119 values of room and never reach the time.
    writeTick(this.#payload, tick, (pool[poolAt] ?? 0) & 0x7fffff);
    this.#payload.set(pool.subarray(poolAt + 1, poolAt + WORDS_PER_ID), 2);
    poolAt += WORDS_PER_ID;
    this.#tick = tick;
  }
}
