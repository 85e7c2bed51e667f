import { type ExecutionContext, Injectable } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { type FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { Clock } from '@/common/clock';
import { MemoizedReflector } from '@/infra/http/memoized-reflector';
import { type Access, type Audience } from './access.types';
import { AUDIENCE } from './audience.decorator';
import { AuthenticationFailedError, InsufficientAccessError } from './auth.errors';
import { type TokenClaims } from './jwt.strategy';
import { accessOf } from './tokens';

const MAX_VERIFIED_TOKENS = 10_000;
/** A verified token is trusted for at most this long before it is verified again. */
const MAX_TRUST_MS = 60_000;
const REASONS: Record<string, string> = {
  'jwt expired': 'The token has expired.',
  'jwt not active': 'The token is not valid yet.',
  'No auth token': 'A bearer token is required.',
};

/**
 * Lets a request through when its token is good and of the operation's audience. Verifying a signature costs more
 * than the rest of a request, so verified tokens are remembered until they expire, at most a minute.
 */
@Injectable()
export class AccessGuard extends AuthGuard('jwt') {
  private readonly reflector = new MemoizedReflector();
  private readonly verified = new LRUCache<string, { access: Access; untilMs: number }>({ max: MAX_VERIFIED_TOKENS });

  constructor(private readonly clock: Clock) {
    super();
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const audience =
      this.reflector.getAllAndOverride<Audience | undefined>(AUDIENCE, [context.getHandler(), context.getClass()]) ??
      'organization';
    if (audience === 'public') {
      return true;
    }
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const access = this.remembered(request) ?? (await this.verify(context, request));
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

  private remembered(request: FastifyRequest): Access | undefined {
    const header = request.headers.authorization;
    const known = header === undefined ? undefined : this.verified.get(header);
    return known !== undefined && known.untilMs > this.clock.now() ? known.access : undefined;
  }

  private async verify(context: ExecutionContext, request: FastifyRequest): Promise<Access> {
    await super.canActivate(context);
    const claims = (request as FastifyRequest & { user: TokenClaims }).user;
    const access = accessOf(claims);
    const expiresAtMs = claims.exp === undefined ? Infinity : claims.exp * 1000;
    this.verified.set(request.headers.authorization ?? '', {
      access,
      untilMs: Math.min(expiresAtMs, this.clock.now() + MAX_TRUST_MS),
    });
    return access;
  }
}
