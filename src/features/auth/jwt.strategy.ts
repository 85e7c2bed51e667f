import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { Config } from '@/infra/config/config';
import { tokenKeysOf } from './token-keys';

/** The claims of a token whose signature and times are good. */
export interface TokenClaims {
  sub?: unknown;
  org?: unknown;
  /** Seconds since 1970. */
  exp?: number;
}

/** Checks bearer tokens: one algorithm, the configured key, `exp` and `nbf` with five seconds of tolerance. */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'jwt') {
  constructor(config: Config) {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKey: tokenKeysOf(config).verification,
      algorithms: [config.jwtAlgorithm],
      jsonWebTokenOptions: { clockTolerance: 5 },
    });
  }

  validate(claims: TokenClaims): TokenClaims {
    return claims;
  }
}
