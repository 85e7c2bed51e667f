import { type ExecutionContext, Injectable } from '@nestjs/common';
import {
  InjectThrottlerOptions,
  InjectThrottlerStorage,
  ThrottlerGuard,
  type ThrottlerModuleOptions,
  ThrottlerStorage,
} from '@nestjs/throttler';
import { AppError } from '@/common/app-error';
import { MemoizedReflector } from '@/infra/http/memoized-reflector';

/** 429: this token or address sent too many requests. */
class RateLimitedError extends AppError {
  constructor(retryAfterSeconds: number) {
    super('rate_limited', 429, 'Too many requests. Slow down, and try again after Retry-After.', retryAfterSeconds);
  }
}

/** Limits the requests of one token and of one address; each process counts for itself. */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
  constructor(
    @InjectThrottlerOptions() options: ThrottlerModuleOptions,
    @InjectThrottlerStorage() storage: ThrottlerStorage,
  ) {
    super(options, storage, new MemoizedReflector());
  }

  protected override generateKey(_context: ExecutionContext, tracker: string, name: string): string {
    // One budget for all routes: the default key, a hash of class, handler and tracker, would give one to each.
    return `${name}:${tracker}`;
  }

  protected override async throwThrottlingException(
    _context: ExecutionContext,
    detail: { timeToBlockExpire: number },
  ): Promise<void> {
    throw new RateLimitedError(detail.timeToBlockExpire);
  }
}
