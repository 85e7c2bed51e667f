import { sign } from 'jsonwebtoken';
import { type Config, ConfigError } from '@/infra/config/config';
import { type Access } from './access.types';
import { AuthenticationFailedError } from './auth.errors';
import { tokenKeysOf } from './token-keys';

/** Name of the issuer in the tokens that this server makes. */
const ISSUER = 'posthorn';
const ORG_PATTERN = /^org_[A-Za-z0-9]{1,60}$/;
const APP_PATTERN = /^app_[A-Za-z0-9]{1,60}$/;

/** True for what can be the id of an organization. */
export function isOrganizationId(text: string): boolean {
  return ORG_PATTERN.test(text);
}

/** True for what can be the id of an application. */
export function isApplicationId(text: string): boolean {
  return APP_PATTERN.test(text);
}

/** Makes a token: of an organization, or of one application of it. `expiresInSeconds` counts from now. */
export function createToken(config: Config, access: Access, expiresInSeconds: number): string {
  const { signing } = tokenKeysOf(config);
  if (signing === undefined) {
    throw new ConfigError('JWT_SECRET: a public key can check tokens, but not make them');
  }
  const claims = access.appId === undefined ? {} : { org: access.orgId };
  return sign(claims, signing, {
    algorithm: config.jwtAlgorithm,
    subject: access.appId ?? access.orgId,
    issuer: ISSUER,
    expiresIn: expiresInSeconds,
    notBefore: 0,
  });
}

/** What the claims of a verified token allow. Throws `AuthenticationFailedError`. */
export function accessOf(claims: { sub?: unknown; org?: unknown }): Access {
  const { sub, org } = claims;
  if (typeof sub === 'string' && isApplicationId(sub) && typeof org === 'string' && isOrganizationId(org)) {
    return { orgId: org, appId: sub };
  }
  if (typeof sub === 'string' && isOrganizationId(sub) && org === undefined) {
    return { orgId: sub };
  }
  throw new AuthenticationFailedError('Invalid token');
}
