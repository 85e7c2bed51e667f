import { InvalidSecretError, parseSecret } from '@libs/webhook-signing/signing-secret';
import { ValidateBy } from 'class-validator';

/** A signing secret: `whsec_` and 24 to 75 bytes, or `whsk_` and an ed25519 key pair, in base64. */
export function IsSigningSecret(): PropertyDecorator {
  return ValidateBy({
    name: 'isSigningSecret',
    validator: {
      validate: (value) => problemOfSecret(value) === undefined,
      defaultMessage: (args) => `${problemOfSecret(args?.value) ?? 'Expected a signing secret'}.`,
    },
  });
}

/** The message of `InvalidSecretError` never shows the secret. */
function problemOfSecret(value: unknown): string | undefined {
  if (typeof value !== 'string') {
    return 'Expected a signing secret as text';
  }
  try {
    parseSecret(value);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidSecretError) {
      return error.message;
    }
    throw error;
  }
}
