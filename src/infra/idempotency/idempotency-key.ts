import { hash } from 'node:crypto';
import { BadRequestError } from '@/common/app-error';

const MAX_LENGTH = 512;
const HASH_HEX_LENGTH = 32;

/** The caller's `idempotency-key`; undefined when there is none. Throws 400 for one that is too long. */
export function idempotencyKeyOf(header: string | string[] | undefined): string | undefined {
  const key = Array.isArray(header) ? header.join(',') : header;
  if (key === undefined || key === '') {
    return undefined;
  }
  if (key.length > MAX_LENGTH) {
    throw new BadRequestError(`The idempotency-key is longer than ${MAX_LENGTH} characters.`);
  }
  return key;
}

/** What is stored of a key: it counts only within `scope`. 16 bytes of a SHA-256 as hex. */
export function idempotencyHash(scope: string, key: string): string {
  return hash('sha256', `${scope} ${key}`).slice(0, HASH_HEX_LENGTH);
}
