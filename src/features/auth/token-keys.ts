import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type Config, ConfigError } from '@/infra/config/config';

/** Keys of the access tokens. `signing` is absent when only a public key is configured. */
export interface TokenKeys {
  /** The shared secret, or the public key as PEM. */
  verification: string;
  signing?: string | KeyObject;
}

/** Reads the keys that JWT_ALGORITHM needs out of JWT_SECRET. Throws `ConfigError`. */
export function tokenKeysOf(config: Config): TokenKeys {
  const secret = config.jwtSecret ?? '';
  if (config.jwtAlgorithm.startsWith('HS')) {
    return { verification: secret, signing: secret };
  }
  // A PEM in one line, as environment files hold it, has \n for its line ends.
  const pem = secret.replaceAll('\\n', '\n');
  try {
    const verification = createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
    return pem.includes('PRIVATE KEY') ? { verification, signing: createPrivateKey(pem) } : { verification };
  } catch (error) {
    throw new ConfigError(`JWT_SECRET: expected a PEM key for JWT_ALGORITHM=${config.jwtAlgorithm}`, { cause: error });
  }
}
