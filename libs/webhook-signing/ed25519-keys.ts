import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** Length in bytes of an ed25519 seed and of an ed25519 public key. */
export const ED25519_KEY_BYTES = 32;

// node:crypto takes no raw ed25519 keys. JWK is about ten times faster here than DER (40 us against 400 us).
const ED25519_JWK = { kty: 'OKP', crv: 'Ed25519' };

/** Makes a new key pair as 64 raw bytes: the seed, then the public key. */
export function generateKeyPairBytes(): Buffer {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return Buffer.concat([decodeJwkBytes(d), decodeJwkBytes(x)]);
}

/** Makes the private key of the 64 raw bytes, or undefined when the public half does not belong to the seed. */
export function privateKeyOfBytes(pair: Buffer): KeyObject | undefined {
  const x = pair.toString('base64url', ED25519_KEY_BYTES);
  const d = pair.toString('base64url', 0, ED25519_KEY_BYTES);
  const key = createPrivateKey({ key: { ...ED25519_JWK, d, x }, format: 'jwk' });
  // The import looks at `d` only: this `x` is computed from it.
  return createPublicKey(key).export({ format: 'jwk' }).x === x ? key : undefined;
}

/** Makes the public key of its 32 raw bytes. */
export function publicKeyOfBytes(raw: Buffer): KeyObject {
  return createPublicKey({ key: { ...ED25519_JWK, x: raw.toString('base64url') }, format: 'jwk' });
}

function decodeJwkBytes(text: string | undefined): Buffer {
  return Buffer.from(text ?? '', 'base64url');
}
