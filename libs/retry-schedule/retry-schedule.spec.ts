import fc from 'fast-check';
import {
  DEFAULT_RETRY_SCHEDULE_SECONDS,
  MAX_SCHEDULED_DELAY_MS,
  MIN_RETRY_AFTER_CAP_MS,
  nextRetryDelayMs,
} from './retry-schedule';

const HOUR_MS = 3_600_000;
const scheduleMs = [5_000, 300_000, 4 * HOUR_MS];

function delay(attemptNumber: number, random: number, retryAfterMs?: number): number | undefined {
  return nextRetryDelayMs({ scheduleMs, attemptNumber, retryAfterMs, random: () => random });
}

describe('DEFAULT_RETRY_SCHEDULE_SECONDS', () => {
  it('spans the 75 hours, 35 minutes and 5 seconds that Standard Webhooks gives as its example', () => {
    const total = DEFAULT_RETRY_SCHEDULE_SECONDS.reduce((sum, seconds) => sum + seconds, 0);
    expect(total).toBe((75 * 60 + 35) * 60 + 5);
    expect(DEFAULT_RETRY_SCHEDULE_SECONDS).toHaveLength(9);
  });
});

describe('nextRetryDelayMs', () => {
  it('follows the schedule by the number of the failed attempt', () => {
    expect([0, 1, 2].map((attempt) => delay(attempt, 0.5))).toEqual(scheduleMs);
  });

  it.each([3, 100, -1, 0.5, NaN, Infinity])('gives undefined after attempt %p', (attemptNumber) => {
    expect(delay(attemptNumber, 0.5)).toBeUndefined();
  });

  it('gives undefined for an empty schedule', () => {
    expect(nextRetryDelayMs({ scheduleMs: [], attemptNumber: 0, random: Math.random })).toBeUndefined();
  });

  it('spreads a delay by 20 % both ways', () => {
    expect(delay(1, 0)).toBe(240_000);
    expect(delay(1, 1)).toBe(360_000);
  });

  it('takes a longer Retry-After as a floor that jitter only lengthens', () => {
    expect(delay(0, 0, 60_000)).toBe(60_000);
    expect(delay(0, 1, 60_000)).toBe(72_000);
  });

  it('ignores a Retry-After shorter than the scheduled delay', () => {
    expect(delay(1, 0.5, 1_000)).toBe(300_000);
  });

  it('bounds Retry-After by one hour or twice the scheduled delay, whichever is more', () => {
    expect(delay(0, 1, 24 * HOUR_MS)).toBe(HOUR_MS);
    expect(delay(0, 1, 0.95 * HOUR_MS)).toBe(HOUR_MS);
    expect(delay(2, 0, 24 * HOUR_MS)).toBe(8 * HOUR_MS);
    expect(delay(2, 1, Infinity)).toBe(8 * HOUR_MS);
  });

  it.each([NaN, -1, -Infinity, 0])('ignores a Retry-After of %p', (retryAfterMs) => {
    expect(delay(1, 0.5, retryAfterMs)).toBe(300_000);
  });

  it('stays within its bounds for sane input', () => {
    const bases = fc.integer({ min: 0, max: MAX_SCHEDULED_DELAY_MS });
    const waits = fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: undefined });
    fc.assert(
      fc.property(bases, waits, fc.double({ min: 0, max: 1, noNaN: true }), (base, retryAfterMs, random) => {
        const input = { scheduleMs: [base], attemptNumber: 0, retryAfterMs, random: () => random };
        const result = nextRetryDelayMs(input)!;
        const cap = Math.max(2 * base, MIN_RETRY_AFTER_CAP_MS);
        // The result is rounded to whole ms.
        expect(result).toBeGreaterThanOrEqual(Math.floor(0.8 * base));
        expect(result).toBeGreaterThanOrEqual(Math.min(retryAfterMs ?? 0, cap));
        expect(result).toBeLessThanOrEqual(Math.min(cap, Math.max(1.2 * base, 1.2 * (retryAfterMs ?? 0)) + 2));
      }),
      { numRuns: 1000 },
    );
  });

  it('gives a finite whole number of ms or undefined, whatever goes in', () => {
    const anything = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0, 1e308, -1));
    fc.assert(
      fc.property(
        fc.array(anything, { maxLength: 4 }),
        fc.oneof(fc.nat({ max: 5 }), anything),
        fc.option(anything, { nil: undefined }),
        anything,
        (schedule, attemptNumber, retryAfterMs, random) => {
          const input = { scheduleMs: schedule, attemptNumber, retryAfterMs, random: () => random };
          const result = nextRetryDelayMs(input);
          if (result !== undefined) {
            expect(Number.isSafeInteger(result)).toBe(true);
            expect(result).toBeGreaterThanOrEqual(0);
            expect(result).toBeLessThanOrEqual(2 * MAX_SCHEDULED_DELAY_MS);
          }
          expect(result === undefined).toBe(schedule[attemptNumber] === undefined);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
