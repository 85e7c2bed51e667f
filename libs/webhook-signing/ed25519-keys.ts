import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto';

/** Length in bytes of an ed25519 seed and of an ed25519 public key. */
export const ED25519_KEY_BYTES = 32;

// node:crypto takes no raw ed25519 keys. JWK is about ten times faster here than DER (40 us against 400 us).
// DER is for a seed whose public key, which JWK wants too, is not known yet: RFC 8410's fixed header and the seed.
const PKCS8_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex');
const ED25519_JWK = { kty: 'OKP', crv: 'Ed25519' };

/**
 * Makes a new key pair as 64 raw bytes: the seed, then the public key. Not by generateKeyPairSync:
 * exporting a KeyObject of its making now and then hangs the process for good (seen on Node 20.20.2, once in some
 * thousand calls).
 */
export function generateKeyPairBytes(): Buffer {
  const seed = randomBytes(ED25519_KEY_BYTES);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEADER, seed]), format: 'der', type: 'pkcs8' });
  return Buffer.concat([seed, Buffer.from(publicTextOf(key), 'base64url')]);
}

/** Makes the private key of the 64 raw bytes, or undefined when the public half does not belong to the seed. */
export function privateKeyOfBytes(pair: Buffer): KeyObject | undefined {
  const x = pair.toString('base64url', ED25519_KEY_BYTES);
  const d = pair.toString('base64url', 0, ED25519_KEY_BYTES);
  const key = createPrivateKey({ key: { ...ED25519_JWK, d, x }, format: 'jwk' });
  // The import looks at `d` only: this `x` is computed from it.
  return publicTextOf(key) === x ? key : undefined;
}

/** Makes the public key of its 32 raw bytes. */
export function publicKeyOfBytes(raw: Buffer): KeyObject {
  return createPublicKey({ key: { ...ED25519_JWK, x: raw.toString('base64url') }, format: 'jwk' });
}

function publicTextOf(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '';
}
