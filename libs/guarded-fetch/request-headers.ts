import { type RequestTarget } from './request-target';

/**
 * Flattens the caller's headers, in order, and adds the defaults that the caller did not give: `accept` and the
 * `authorization` of the URL's userinfo. `host` and `content-length` are added further down.
 */
export function toFlatHeaders(
  headers: Readonly<Record<string, string>> | readonly string[],
  target: RequestTarget,
): string[] {
  const flat = isFlat(headers) ? [...headers] : Object.entries(headers).flat();
  if (!hasHeader(flat, 'accept')) {
    flat.push('accept', '*/*');
  }
  if (target.authorization !== undefined && !hasHeader(flat, 'authorization')) {
    flat.push('authorization', target.authorization);
  }
  return flat;
}

function isFlat(headers: Readonly<Record<string, string>> | readonly string[]): headers is readonly string[] {
  return Array.isArray(headers);
}

function hasHeader(flat: readonly string[], name: string): boolean {
  for (let i = 0; i < flat.length; i += 2) {
    const candidate = flat[i];
    if (candidate?.length === name.length && candidate.toLowerCase() === name) {
      return true;
    }
  }
  return false;
}
