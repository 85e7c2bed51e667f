import { nextRetryDelayMs } from '@libs/retry-schedule/retry-schedule';
import { type AttemptOutcome, type Delivery, type NextAttempt } from './deliveries.types';

/** The receiver is gone for good; the endpoint is disabled. */
export const GONE = 410;
const OVERLOADED = new Set([429, 502, 503, 504]);

/** True for answers that ask the sender to slow down. */
export function isOverloaded(outcome: AttemptOutcome): boolean {
  return OVERLOADED.has(outcome.statusCode);
}

/** When this delivery is tried again; undefined when it is finished, one way or the other. */
export function nextAttemptOf(
  delivery: Pick<Delivery, 'attemptNumber' | 'isManual'>,
  outcome: AttemptOutcome,
  scheduleMs: readonly number[],
): NextAttempt | undefined {
  if (outcome.isSuccess || delivery.isManual || outcome.statusCode === GONE) {
    return undefined;
  }
  const delayMs = nextRetryDelayMs({
    scheduleMs,
    attemptNumber: delivery.attemptNumber,
    retryAfterMs: outcome.retryAfterMs,
    random: Math.random,
  });
  return delayMs === undefined
    ? undefined
    : { dueAtMs: outcome.finishedAtMs + delayMs, attemptNumber: delivery.attemptNumber + 1 };
}
