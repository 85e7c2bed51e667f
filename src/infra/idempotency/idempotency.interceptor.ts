import { setTimeout as delay } from 'node:timers/promises';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor, SetMetadata } from '@nestjs/common';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { ConflictError } from '@/common/app-error';
import { MemoizedReflector } from '@/infra/http/memoized-reflector';
import { idempotencyHash, idempotencyKeyOf } from './idempotency-key';
import { type Claim, IdempotencyRepository, type KeptAnswer } from './idempotency.repository';

const OWN_IDEMPOTENCY = 'posthorn:own-idempotency';
const POLL_MS = 100;
const MAX_WAIT_MS = 5_000;

/** The handler deals with idempotency keys itself. */
export function OwnIdempotency(): MethodDecorator {
  return SetMetadata(OWN_IDEMPOTENCY, true);
}

/**
 * A POST with an `idempotency-key` that succeeded is not done again: its answer is. A request that failed frees its key.
 * The key counts for one token's organization or application, and one path.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  private readonly reflector = new MemoizedReflector();

  constructor(private readonly keys: IdempotencyRepository) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.method === 'POST' ? idempotencyKeyOf(request.headers['idempotency-key']) : undefined;
    if (
      key === undefined ||
      this.reflector.getAllAndOverride<boolean | undefined>(OWN_IDEMPOTENCY, [context.getHandler(), context.getClass()])
    ) {
      return next.handle();
    }
    return from(this.once(request, context.switchToHttp().getResponse<FastifyReply>(), key, next));
  }

  private async once(request: FastifyRequest, reply: FastifyReply, key: string, next: CallHandler): Promise<unknown> {
    const { access } = request;
    const scope = `${access?.orgId} ${access?.appId ?? ''} ${request.method} ${request.url}`;
    const keyHash = idempotencyHash(scope, key);
    const claim = await this.claim(keyHash);
    if (claim !== 'ours') {
      void reply.status(claim.status);
      return claim.body;
    }
    let body: unknown;
    try {
      body = await lastValueFrom(next.handle(), { defaultValue: undefined });
    } catch (error) {
      await this.keys.release(keyHash);
      throw error;
    }
    // When this fails the key stays taken: better a conflict for a minute than doing it twice at once.
    await this.keys.complete(keyHash, { status: reply.statusCode, body });
    return body;
  }

  /** Waits a little for a request with the same key that is under way. */
  private async claim(keyHash: string): Promise<Exclude<Claim, 'under way'>> {
    const deadline = Date.now() + MAX_WAIT_MS;
    for (;;) {
      const claim: Claim = await this.keys.claim(keyHash);
      if (claim !== 'under way') {
        return claim satisfies 'ours' | KeptAnswer;
      }
      if (Date.now() > deadline) {
        throw new ConflictError('A request with this idempotency-key is still under way.');
      }
      await delay(POLL_MS);
    }
  }
}
