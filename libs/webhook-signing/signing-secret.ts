import {
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
  sign as cryptoSign,
  timingSafeEqual,
  verify as cryptoVerify,
} from 'node:crypto';
import { decodeBase64 } from './base64';
import { ED25519_KEY_BYTES, generateKeyPairBytes, privateKeyOfBytes, publicKeyOfBytes } from './ed25519-keys';

/** The two kinds of signing secret: HMAC-SHA256 (`v1`, `whsec_`) and ed25519 (`v1a`, `whsk_`). */
export type SignatureType = 'hmac256' | 'ed25519';

/** A key that can check signatures of one version; the signed content is `prefix` followed by `body`. */
export interface VerificationKey {
  readonly version: 'v1' | 'v1a';
  /** Tells, in constant time, whether the base64 signature belongs to the content. */
  matches(prefix: string, body: Buffer, signature: string): boolean;
}

/** A parsed secret with its key ready for use; neither printing nor serialising it to JSON shows the secret. */
export interface SigningSecret extends VerificationKey {
  readonly type: SignatureType;
  /** The base64 signature of the content. */
  sign(prefix: string, body: Buffer): string;
  /** The text that the secret was parsed from. */
  revealText(): string;
  /** What a receiver needs in order to verify: the secret itself for HMAC, `whpk_...` for ed25519. */
  publicText(): string;
}

/** Thrown for a secret or key that cannot be used; the message says why and never contains the secret. */
export class InvalidSecretError extends Error {
  override readonly name = 'InvalidSecretError';
}

const HMAC_PREFIX = 'whsec_';
const ED25519_SECRET_PREFIX = 'whsk_';
const ED25519_PUBLIC_PREFIX = 'whpk_';
const HMAC_MIN_BYTES = 24;
const HMAC_MAX_BYTES = 75;
const ED25519_SIGNATURE_BYTES = 64;
// Longer than any acceptable key, short enough to make garbage cheap.
const MAX_TEXT_LENGTH = 256;

class HmacSecret implements SigningSecret {
  readonly type = 'hmac256';
  readonly version = 'v1';
  readonly #text: string;
  readonly #key: KeyObject;

  constructor(text: string, bytes: Buffer) {
    this.#text = text;
    this.#key = createSecretKey(bytes);
  }

  sign(prefix: string, body: Buffer): string {
    return createHmac('sha256', this.#key).update(prefix).update(body).digest('base64');
  }

  matches(prefix: string, body: Buffer, signature: string): boolean {
    const expected = Buffer.from(this.sign(prefix, body));
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  revealText(): string {
    return this.#text;
  }

  publicText(): string {
    return this.#text;
  }
}

class Ed25519PublicKey implements VerificationKey {
  readonly version = 'v1a';
  readonly #key: KeyObject;

  constructor(bytes: Buffer) {
    this.#key = publicKeyOfBytes(bytes);
  }

  matches(prefix: string, body: Buffer, signature: string): boolean {
    const bytes = decodeBase64(signature);
    return bytes?.length === ED25519_SIGNATURE_BYTES && cryptoVerify(null, join(prefix, body), this.#key, bytes);
  }
}

class Ed25519Secret implements SigningSecret {
  readonly type = 'ed25519';
  readonly version = 'v1a';
  readonly #text: string;
  readonly #publicBytes: Buffer;
  readonly #privateKey: KeyObject;
  #publicKey?: Ed25519PublicKey;

  constructor(text: string, bytes: Buffer) {
    this.#text = text;
    this.#publicBytes = bytes.subarray(ED25519_KEY_BYTES);
    const privateKey = privateKeyOfBytes(bytes);
    if (privateKey === undefined) {
      throw new InvalidSecretError('The public half of the ed25519 secret does not belong to its private half');
    }
    this.#privateKey = privateKey;
  }

  sign(prefix: string, body: Buffer): string {
    return cryptoSign(null, join(prefix, body), this.#privateKey).toString('base64');
  }

  matches(prefix: string, body: Buffer, signature: string): boolean {
    this.#publicKey ??= new Ed25519PublicKey(this.#publicBytes);
    return this.#publicKey.matches(prefix, body, signature);
  }

  revealText(): string {
    return this.#text;
  }

  publicText(): string {
    return ED25519_PUBLIC_PREFIX + this.#publicBytes.toString('base64');
  }
}

/**
 * Parses `whsec_<base64>` (24 to 75 key bytes) or `whsk_<base64 of 64 bytes: seed, public key>`.
 * Parsing an ed25519 secret costs about 50 us: keep the result. Throws InvalidSecretError.
 */
export function parseSecret(text: string): SigningSecret {
  if (text.startsWith(HMAC_PREFIX)) {
    const bytes = decodeKey(text, HMAC_PREFIX);
    if (bytes.length < HMAC_MIN_BYTES || bytes.length > HMAC_MAX_BYTES) {
      throw new InvalidSecretError(
        `A ${HMAC_PREFIX} secret must have ${HMAC_MIN_BYTES} to ${HMAC_MAX_BYTES} bytes, not ${bytes.length}`,
      );
    }
    return new HmacSecret(text, bytes);
  }
  if (text.startsWith(ED25519_SECRET_PREFIX)) {
    return new Ed25519Secret(text, decodeKeyOfLength(text, ED25519_SECRET_PREFIX, 2 * ED25519_KEY_BYTES));
  }
  if (text.startsWith(ED25519_PUBLIC_PREFIX)) {
    throw new InvalidSecretError(`A ${ED25519_PUBLIC_PREFIX} key is public and cannot sign`);
  }
  throw new InvalidSecretError(`A secret must start with ${HMAC_PREFIX} or ${ED25519_SECRET_PREFIX}`);
}

/**
 * Parses what a receiver holds: `whpk_...`, `whsk_...`, `whsec_...`, or an HMAC secret without prefix. Like the
 * reference libraries it takes an HMAC key of any length above zero. Throws InvalidSecretError.
 */
export function parseVerificationKey(text: string): VerificationKey {
  if (text.startsWith(ED25519_PUBLIC_PREFIX)) {
    return new Ed25519PublicKey(decodeKeyOfLength(text, ED25519_PUBLIC_PREFIX, ED25519_KEY_BYTES));
  }
  if (text.startsWith(ED25519_SECRET_PREFIX)) {
    return parseSecret(text);
  }
  const bytes = decodeKey(text, text.startsWith(HMAC_PREFIX) ? HMAC_PREFIX : '');
  if (bytes.length === 0) {
    throw new InvalidSecretError('The secret is empty');
  }
  return new HmacSecret(text, bytes);
}

/** Makes the text of a new secret: 24 random bytes for HMAC, a new key pair for ed25519. */
export function generateSecret(type: SignatureType): string {
  switch (type) {
    case 'hmac256':
      return HMAC_PREFIX + randomBytes(HMAC_MIN_BYTES).toString('base64');
    case 'ed25519':
      return ED25519_SECRET_PREFIX + generateKeyPairBytes().toString('base64');
  }
}

/** What may be shown to the receiver: `whsec_...` for HMAC, the public `whpk_...` for ed25519. */
export function publicForm(secret: SigningSecret): string {
  return secret.publicText();
}

/** The text that the secret was parsed from, for storing it. */
export function serializeSecret(secret: SigningSecret): string {
  return secret.revealText();
}

function decodeKeyOfLength(text: string, prefix: string, length: number): Buffer {
  const bytes = decodeKey(text, prefix);
  if (bytes.length !== length) {
    throw new InvalidSecretError(`A ${prefix} key must have ${length} bytes, not ${bytes.length}`);
  }
  return bytes;
}

function decodeKey(text: string, prefix: string): Buffer {
  if (text.length > MAX_TEXT_LENGTH) {
    throw new InvalidSecretError(`The secret is longer than ${MAX_TEXT_LENGTH} characters`);
  }
  const bytes = decodeBase64(text.slice(prefix.length));
  if (bytes === undefined) {
    throw new InvalidSecretError(`The secret is not base64${prefix === '' ? '' : ` after ${prefix}`}`);
  }
  return bytes;
}

function join(prefix: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(prefix), body]);
}
