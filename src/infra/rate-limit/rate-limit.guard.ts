import { type ExecutionContext, Injectable } from '@nestjs/common';
import { ThrottlerGuard } from '@nestjs/throttler';
import { AppError } from '@/common/app-error';

/** 429: this token or address sent too many requests. */
export class RateLimitedError extends AppError {
  constructor(retryAfterSeconds: number) {
    super('rate_limited', 429, 'Too many requests. Slow down, and try again after Retry-After.', retryAfterSeconds);
  }
}

/** Limits the requests of one token and of one address; each process counts for itself. */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
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
