import { parseHttpDate } from './parse-http-date';

/** The longest wait that parseRetryAfter returns, in ms: 24 hours. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

// The longest HTTP date has 33 characters ("Wednesday, ..."); this leaves room and makes any other text cheap.
const MAX_HEADER_LENGTH = 64;
const SECONDS = /^[0-9]+(?:\.[0-9]+)?$/;

/**
 * Reads a `Retry-After` header: seconds (whole or decimal) or an HTTP date in any format of RFC 9110. Returns the wait
 * in ms from `nowMs` (unix ms), between 0 (a date in the past) and MAX_RETRY_AFTER_MS, and undefined for an absent
 * header and for everything else: signs, exponents, `inf`, `NaN`, more than 64 characters. Never throws.
 */
export function parseRetryAfter(headerValue: string | undefined, nowMs: number): number | undefined {
  if (typeof headerValue !== 'string' || headerValue.length > MAX_HEADER_LENGTH) {
    return undefined;
  }
  const text = headerValue.trim();
  const waitMs = SECONDS.test(text) ? Number(text) * 1000 : waitUntil(text, nowMs);
  if (waitMs === undefined || Number.isNaN(waitMs)) {
    return undefined;
  }
  return Math.min(Math.max(Math.ceil(waitMs), 0), MAX_RETRY_AFTER_MS);
}

function waitUntil(text: string, nowMs: number): number | undefined {
  const instant = parseHttpDate(text, nowMs);
  return instant === undefined ? undefined : instant - nowMs;
}
