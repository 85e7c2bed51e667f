import { Module, type Type } from '@nestjs/common';
import { ApplicationsController } from '@/features/applications/applications.controller';
import { ApplicationsModule } from '@/features/applications/applications.module';
import { AuthModule } from '@/features/auth/auth.module';
import { RateLimitModule } from '@/infra/rate-limit/rate-limit.module';

/** Every controller: which URLs exist is answered here. */
const CONTROLLERS: Type[] = [ApplicationsController];

/** Serves REST and its documentation. */
@Module({
  // The order of the first two is the order of their guards: count, then ask for the token.
  imports: [RateLimitModule, AuthModule, ApplicationsModule],
  controllers: CONTROLLERS,
})
export class ApiRole {}
