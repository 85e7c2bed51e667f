import { BadRequestError } from '@/common/app-error';

const MAX_LENGTH = 512;

/** The caller's `idempotency-key`; undefined when there is none. Throws 400 for one that is too long. */
export function idempotencyKeyOf(header: string | undefined): string | undefined {
  if (header === undefined || header === '') {
    return undefined;
  }
  if (header.length > MAX_LENGTH) {
    throw new BadRequestError(`The idempotency-key is longer than ${MAX_LENGTH} characters.`);
  }
  return header;
}
