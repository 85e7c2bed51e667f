export { MAX_RETRY_AFTER_MS, parseRetryAfter } from './parse-retry-after';

/** Delays before the retries of a delivery, in seconds: ten attempts over about 75.6 hours. */
export const DEFAULT_RETRY_SCHEDULE_SECONDS: readonly number[] = [
  5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400,
];

/** Longest delay that a schedule can ask for, in ms: 30 days. */
export const MAX_SCHEDULED_DELAY_MS = 30 * 24 * 60 * 60 * 1000;

/** `Retry-After` may always postpone a retry up to this, in ms, however short the scheduled delay is. */
export const MIN_RETRY_AFTER_CAP_MS = 60 * 60 * 1000;

/** Share of a delay by which it is spread. */
export const RETRY_JITTER = 0.2;

/** What the delay before the next attempt depends on. */
export interface NextRetryInput {
  /** Delays in ms; the first one follows the first attempt. */
  scheduleMs: readonly number[];
  /** Number of the attempt that has just failed; 0 is the first. */
  attemptNumber: number;
  /** What the receiver asked to wait, in ms. */
  retryAfterMs?: number;
  /** Random numbers from 0 to 1, as Math.random. */
  random: () => number;
}

/**
 * The delay before the next attempt in whole ms, or undefined when the schedule is exhausted (also for an attempt number
 * that is no index of it).
 *
 * The delay is the scheduled one, base, +-20 % at random. A longer `retryAfterMs` is a floor, which jitter only
 * lengthens, by up to 20 %. The result is never below 0.8 x base, and above 1.2 x base only because of `retryAfterMs`,
 * up to the larger of 2 x base and one hour. Always finite: a base is clamped to 0..MAX_SCHEDULED_DELAY_MS, NaN
 * counting as the maximum; a `retryAfterMs` that is NaN or negative is ignored.
 */
export function nextRetryDelayMs(input: NextRetryInput): number | undefined {
  const scheduled = input.scheduleMs[input.attemptNumber];
  if (scheduled === undefined) {
    return undefined;
  }
  const base = clampBase(scheduled);
  const spread = clampUnit(input.random());
  const jittered = base * (1 - RETRY_JITTER + 2 * RETRY_JITTER * spread);
  return Math.round(Math.max(jittered, retryAfterDelay(input.retryAfterMs, base, spread)));
}

function retryAfterDelay(retryAfterMs: number | undefined, base: number, spread: number): number {
  if (retryAfterMs === undefined || !(retryAfterMs > 0)) {
    return 0;
  }
  const capMs = Math.max(2 * base, MIN_RETRY_AFTER_CAP_MS);
  const floorMs = Math.min(Math.ceil(retryAfterMs), capMs);
  return floorMs + spread * Math.min(RETRY_JITTER * floorMs, capMs - floorMs);
}

function clampBase(delayMs: number): number {
  return Number.isNaN(delayMs) ? MAX_SCHEDULED_DELAY_MS : Math.min(Math.max(delayMs, 0), MAX_SCHEDULED_DELAY_MS);
}

function clampUnit(value: number): number {
  return Number.isNaN(value) ? 0.5 : Math.min(Math.max(value, 0), 1);
}
