const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const WEEKDAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_WEEKDAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})';

// The three formats of RFC 9110, 5.6.7. Every part has a bounded length, so matching takes linear time.
const IMF_FIXDATE = new RegExp(`^${WEEKDAY}, (?<day>\\d{2}) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`);
const RFC_850_DATE = new RegExp(`^${LONG_WEEKDAY}, (?<day>\\d{2})-${MONTH}-(?<year>\\d{2}) ${TIME} GMT$`);
const ASCTIME_DATE = new RegExp(`^${WEEKDAY} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`);

/**
 * Parses an HTTP date in any of the three formats of RFC 9110 (IMF-fixdate, RFC 850, asctime) into unix ms, or undefined.
 * The name of the weekday is not compared with the date. `nowMs` is needed for years of two digits.
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  const groups = (IMF_FIXDATE.exec(text) ?? RFC_850_DATE.exec(text) ?? ASCTIME_DATE.exec(text))?.groups;
  if (groups === undefined) {
    return undefined;
  }
  const year = groups['year'] ?? '';
  return instantOf(groups, year.length === 2 ? fullYear(Number(year), nowMs) : Number(year));
}

/** RFC 9110: a two-digit year that would be more than 50 years ahead is the most recent past one with these digits. */
function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

function instantOf(groups: Record<string, string>, year: number): number | undefined {
  const [day, hour, minute, second] = [groups['day'], groups['hour'], groups['minute'], groups['second']].map(Number);
  const month = MONTHS.indexOf(groups['month'] ?? '');
  if (day === undefined || hour === undefined || minute === undefined || second === undefined) {
    return undefined;
  }
  // 60 is a leap second.
  if (hour > 23 || minute > 59 || second > 60) {
    return undefined;
  }
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) {
    return undefined;
  }
  return date.setUTCHours(hour, minute, second);
}
