import fc from 'fast-check';
import { MAX_RETRY_AFTER_MS, parseRetryAfter } from './retry-schedule';

const NOW = Date.UTC(2026, 10, 24, 12, 0, 0);

describe('parseRetryAfter', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 120 ', 120_000],
    ['007', 7_000],
    ['1.5', 1_500],
    ['0.0001', 1],
    ['86400', MAX_RETRY_AFTER_MS],
  ])('reads %p as %i ms', (text, ms) => {
    expect(parseRetryAfter(text, NOW)).toBe(ms);
  });

  it.each([
    ['IMF-fixdate', 'Tue, 24 Nov 2026 12:01:30 GMT'],
    ['RFC 850', 'Tuesday, 24-Nov-26 12:01:30 GMT'],
    ['asctime', 'Tue Nov 24 12:01:30 2026'],
  ])('reads a date in the format %s', (_, text) => {
    expect(parseRetryAfter(text, NOW)).toBe(90_000);
  });

  it('reads an asctime date with a day of one digit', () => {
    expect(parseRetryAfter('Sun Nov  1 00:00:10 2026', Date.UTC(2026, 10, 1))).toBe(10_000);
  });

  it('reads a leap second', () => {
    expect(parseRetryAfter('Thu, 31 Dec 2026 23:59:60 GMT', Date.UTC(2026, 11, 31, 23, 59, 50))).toBe(10_000);
  });

  it('takes a two-digit year more than 50 years ahead for a past one', () => {
    expect(parseRetryAfter('Tuesday, 24-Nov-77 12:01:30 GMT', NOW)).toBe(0);
    expect(parseRetryAfter('Tuesday, 24-Nov-76 12:01:30 GMT', NOW)).toBe(MAX_RETRY_AFTER_MS);
  });

  it.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    'gives 0 for the past date %p',
    (text) => {
      expect(parseRetryAfter(text, NOW)).toBe(0);
    },
  );

  it.each(['86401', '100000000000000000000', '9'.repeat(64), 'Fri, 31 Dec 9999 23:59:59 GMT'])(
    'clamps %p to 24 hours',
    (text) => {
      expect(parseRetryAfter(text, NOW)).toBe(MAX_RETRY_AFTER_MS);
    },
  );

  it.each([
    undefined,
    '',
    ' ',
    'inf',
    'Infinity',
    'NaN',
    '1e20',
    '-1',
    '+1',
    '0x10',
    '1,5',
    '.5',
    '5.',
    '1.2.3',
    '120, 60',
    '1 2',
    '\u0661\u0662',
    'soon',
    '2026-11-24T12:01:30Z',
    'Tue, 24 Nov 2026 12:01:30 CET',
    'Tue, 24 Nov 2026 24:00:00 GMT',
    'Tue, 24 Nov 2026 12:60:00 GMT',
    'Tue, 24 Nov 2026 12:00:61 GMT',
    'Mon, 30 Feb 2026 12:00:00 GMT',
    'Mon, 00 Nov 2026 12:00:00 GMT',
    'Mon Nov  0 12:00:00 2026',
    'Tue, 24 Foo 2026 12:01:30 GMT',
    `${' '.repeat(64)}5`,
    '9'.repeat(10_240),
    `${'1.'.repeat(5_120)}`,
  ])('gives undefined for %p', (text) => {
    expect(parseRetryAfter(text, NOW)).toBeUndefined();
  });

  it('gives undefined for a date when the present is unknown', () => {
    expect(parseRetryAfter('Tue, 24 Nov 2026 12:01:30 GMT', NaN)).toBeUndefined();
    expect(parseRetryAfter('Tuesday, 24-Nov-26 12:01:30 GMT', NaN)).toBeUndefined();
  });

  it('reads back any date that the platform writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_RETRY_AFTER_MS / 1000 }), (seconds) => {
        expect(parseRetryAfter(new Date(NOW + seconds * 1000).toUTCString(), NOW)).toBe(seconds * 1000);
      }),
    );
  });

  it('gives a whole number of ms within bounds, or undefined, for any text and any time', () => {
    const pieces = fc.constantFrom('Tue, ', '24', ' Nov ', '-', '2026', ' ', '12:01:30', ' GMT', '1', '.', 'e', 'inf');
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary', maxLength: 20_000, size: 'max' }),
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
    );
    const times = fc.oneof(fc.constant(NOW), fc.double());
    fc.assert(
      fc.property(texts, times, (text, now) => {
        const result = parseRetryAfter(text, now);
        if (result !== undefined) {
          expect(Number.isInteger(result)).toBe(true);
          expect(result).toBeGreaterThanOrEqual(0);
          expect(result).toBeLessThanOrEqual(MAX_RETRY_AFTER_MS);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
