import type { KsuidPayload } from './ksuid-payload';

/** The instant that ids count from, in unix ms: 13 May 2014. */
export const EPOCH_MS = 1_400_000_000_000;
/** The resolution of ids: one tick of the time part, in ms. */
export const TICK_MS = 4;

const TICKS_PER_SECOND = 1000 / TICK_MS;
/** The last tick that four bytes of seconds can express, in June 2150. */
export const MAX_TICK = 2 ** 32 * TICKS_PER_SECOND - 1;

/** Writes the time part (4 bytes of seconds, 1 byte of 4 ms) and the 24 bits that follow it in the second word. */
export function writeTick(payload: KsuidPayload, tick: number, low24: number): void {
  const seconds = Math.floor(tick / TICKS_PER_SECOND);
  payload[0] = seconds;
  payload[1] = (tick - seconds * TICKS_PER_SECOND) * 2 ** 24 + low24;
}

/** The time of a payload in unix ms; a fifth byte above 249, which only foreign KSUIDs have, counts as 249. */
export function timeOfPayload(payload: KsuidPayload): number {
  const ticks = Math.min((payload[1] ?? 0) >>> 24, TICKS_PER_SECOND - 1);
  return EPOCH_MS + (payload[0] ?? 0) * 1000 + ticks * TICK_MS;
}
