import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { type FastifyRequest } from 'fastify';
import { Config } from '@/infra/config/config';
import { RateLimitGuard } from './rate-limit.guard';
import { WindowStorage } from './window-storage';

const WINDOW_MS = 1000;

/** Counts requests before anything else happens to them, so that guessing tokens is limited too. */
@Module({
  imports: [
    ThrottlerModule.forRootAsync({
      inject: [Config],
      useFactory: (config: Config) => ({
        storage: new WindowStorage(),
        setHeaders: false,
        throttlers: [
          {
            name: 'address',
            ttl: WINDOW_MS,
            limit: config.rateLimitPerAddress,
            getTracker: (request: Record<string, unknown>) => (request as unknown as FastifyRequest).ip,
          },
          {
            name: 'token',
            ttl: WINDOW_MS,
            limit: config.rateLimitPerToken,
            // The end of a token is its signature: short, and different for every token.
            getTracker: (request: Record<string, unknown>) =>
              (request as unknown as FastifyRequest).headers.authorization?.slice(-43) ?? 'none',
          },
        ],
      }),
    }),
  ],
  providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }],
})
export class RateLimitModule {}
