import { parse } from 'node:querystring';

/**
 * Parses a query string. `a[]=1` and `a[0]=1` are other spellings of a repeated `a`; such a key always gives a list.
 * The result has no prototype, so that a key like `__proto__` is just a key.
 */
export function parseQueryString(text: string): Record<string, string | string[]> {
  const result = Object.create(null) as Record<string, string | string[]>;
  if (text === '') {
    return result;
  }
  for (const [key, value] of Object.entries(parse(text))) {
    const bracket = /^([^[\]]+)\[\d*\]$/.exec(key);
    const name = bracket?.[1] ?? key;
    const values = value === undefined ? [] : Array.isArray(value) ? value : [value];
    const earlier = result[name];
    if (bracket === null && earlier === undefined && values.length === 1) {
      result[name] = values[0] ?? '';
    } else {
      result[name] = [...(earlier === undefined ? [] : Array.isArray(earlier) ? earlier : [earlier]), ...values];
    }
  }
  return result;
}
