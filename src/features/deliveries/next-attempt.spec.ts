import fc from 'fast-check';
import { type AttemptOutcome } from './deliveries.types';
import { isOverloaded, nextAttemptOf } from './next-attempt';

const SCHEDULE_MS = [5_000, 300_000];

function outcome(statusCode: number, more: Partial<AttemptOutcome> = {}): AttemptOutcome {
  return {
    id: 'atmpt_1',
    isSuccess: statusCode >= 200 && statusCode <= 299,
    statusCode,
    response: Buffer.of(),
    durationMs: 1,
    label: 'x',
    finishedAtMs: 1_000_000,
    ...more,
  };
}

const automatic = (attemptNumber: number): { attemptNumber: number; isManual: boolean } => ({
  attemptNumber,
  isManual: false,
});

describe('nextAttemptOf', () => {
  it('follows the schedule with 20 % of jitter from the end of the attempt', () => {
    for (const [attemptNumber, delayMs] of SCHEDULE_MS.entries()) {
      const next = nextAttemptOf(automatic(attemptNumber), outcome(500), SCHEDULE_MS);
      expect(next?.attemptNumber).toBe(attemptNumber + 1);
      expect(next?.dueAtMs).toBeGreaterThanOrEqual(1_000_000 + delayMs * 0.8);
      expect(next?.dueAtMs).toBeLessThanOrEqual(1_000_000 + delayMs * 1.2);
    }
  });

  it.each([
    ['a success', automatic(0), outcome(204)],
    ['the end of the schedule', automatic(2), outcome(500)],
    ['410', automatic(0), outcome(410)],
    ['a manual attempt that failed', { attemptNumber: 0, isManual: true }, outcome(500)],
  ])('is nothing after %s', (_, delivery, result) => {
    expect(nextAttemptOf(delivery, result, SCHEDULE_MS)).toBeUndefined();
  });

  it('is nothing at all with an empty schedule', () => {
    expect(nextAttemptOf(automatic(0), outcome(0), [])).toBeUndefined();
  });

  it('waits at least as long as the endpoint asks for', () => {
    const next = nextAttemptOf(automatic(0), outcome(503, { retryAfterMs: 60_000 }), SCHEDULE_MS);

    expect(next?.dueAtMs).toBeGreaterThanOrEqual(1_060_000);
    expect(next?.dueAtMs).toBeLessThanOrEqual(1_072_000);
  });

  it('is a whole number of milliseconds that Postgres can keep, whatever comes', () => {
    const anything = fc.oneof(fc.double(), fc.constantFrom(Infinity, -Infinity, NaN, 1e20));
    fc.assert(
      fc.property(fc.nat({ max: 1 }), fc.integer({ min: 0, max: 999 }), anything, (number, status, retryAfterMs) => {
        const next = nextAttemptOf(automatic(number), outcome(status, { retryAfterMs }), SCHEDULE_MS);
        expect(next === undefined || (Number.isSafeInteger(next.dueAtMs) && next.dueAtMs >= 1_000_000)).toBe(true);
      }),
    );
  });
});

describe('isOverloaded', () => {
  it('is true for the answers that ask to slow down, and for no other', () => {
    const overloaded = Array.from({ length: 1_000 }, (_, status) => status).filter((s) => isOverloaded(outcome(s)));

    expect(overloaded).toEqual([429, 502, 503, 504]);
  });
});
