import { type ExecutionContext, Injectable } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { type FastifyRequest } from 'fastify';
import { Clock } from '@/common/clock';
import { type SnapshotCache } from '@/infra/cache/snapshot-cache';
import { SnapshotCaches } from '@/infra/cache/snapshot-caches';
import { MemoizedReflector } from '@/infra/http/memoized-reflector';
import { type Access, type Audience } from './access.types';
import { AUDIENCE } from './audience.decorator';
import { AuthenticationFailedError, InsufficientAccessError } from './auth.errors';
import { type TokenClaims } from './jwt.strategy';
import { accessOf } from './tokens';

/** A verified token is trusted for at most this long before it is verified again. */
const MAX_TRUST_MS = 60_000;
const MAX_VERIFIED_TOKENS = 10_000;
const REASONS: Record<string, string> = {
  'jwt expired': 'The token has expired.',
  'jwt not active': 'The token is not valid yet.',
  'No auth token': 'A bearer token is required.',
};

interface VerifiedToken {
  access: Access;
  expiresAtMs: number;
}

/**
 * Lets a request through when its token is good and of the operation's audience. Verifying a signature costs more
 * than the rest of a request, so verified tokens are remembered until they expire, at most a minute.
 */
@Injectable()
export class AccessGuard extends AuthGuard('jwt') {
  private readonly reflector = new MemoizedReflector();
  /** By the text of the header. */
  private readonly verified: SnapshotCache<VerifiedToken>;

  constructor(
    private readonly clock: Clock,
    caches: SnapshotCaches,
  ) {
    super();
    this.verified = caches.create({ name: 'tokens', ttlMs: MAX_TRUST_MS, maxEntries: MAX_VERIFIED_TOKENS });
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const audience =
      this.reflector.getAllAndOverride<Audience | undefined>(AUDIENCE, [context.getHandler(), context.getClass()]) ??
      'organization';
    if (audience === 'public') {
      return true;
    }
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const access = await this.accessOf(context, request);
    if (audience === 'organization' && access.appId !== undefined) {
      throw new InsufficientAccessError();
    }
    request.access = access;
    return true;
  }

  /** Passport calls this with its verdict; the reason becomes the text of the 401. */
  override handleRequest<T>(error: unknown, claims: T | false, info: unknown): T {
    if (error instanceof Error) {
      throw error;
    }
    if (!claims) {
      const reason = info instanceof Error ? info.message : '';
      throw new AuthenticationFailedError(REASONS[reason] ?? 'Invalid token');
    }
    return claims;
  }

  private async accessOf(context: ExecutionContext, request: FastifyRequest): Promise<Access> {
    const { authorization } = request.headers;
    if (authorization === undefined) {
      return (await this.verify(context, request)).access;
    }
    const known = await this.verified.get(authorization, () => this.verify(context, request));
    const isGood = known !== undefined && known.expiresAtMs > this.clock.now();
    return (isGood ? known : await this.verify(context, request)).access;
  }

  /** Throws `AuthenticationFailedError`. */
  private async verify(context: ExecutionContext, request: FastifyRequest): Promise<VerifiedToken> {
    await super.canActivate(context);
    const claims = (request as FastifyRequest & { user: TokenClaims }).user;
    return { access: accessOf(claims), expiresAtMs: claims.exp === undefined ? Infinity : claims.exp * 1000 };
  }
}
