import { Module, type Type } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { ApplicationsController } from '@/features/applications/applications.controller';
import { ApplicationsModule } from '@/features/applications/applications.module';
import { AuthModule } from '@/features/auth/auth.module';
import { AttemptsController } from '@/features/deliveries/attempts.controller';
import { DeliveriesModule } from '@/features/deliveries/deliveries.module';
import { EndpointHeadersController } from '@/features/endpoints/endpoint-headers.controller';
import { EndpointSecretsController } from '@/features/endpoints/endpoint-secrets.controller';
import { EndpointsController } from '@/features/endpoints/endpoints.controller';
import { EndpointsModule } from '@/features/endpoints/endpoints.module';
import { EventTypesController } from '@/features/event-types/event-types.controller';
import { EventTypesModule } from '@/features/event-types/event-types.module';
import { MessagesController } from '@/features/messages/messages.controller';
import { MessagesModule } from '@/features/messages/messages.module';
import { StatisticsController } from '@/features/statistics/statistics.controller';
import { StatisticsModule } from '@/features/statistics/statistics.module';
import { IdempotencyInterceptor } from '@/infra/idempotency/idempotency.interceptor';
import { IdempotencyRepository } from '@/infra/idempotency/idempotency.repository';
import { RateLimitModule } from '@/infra/rate-limit/rate-limit.module';

/** Every controller: which URLs exist is answered here. */
const CONTROLLERS: Type[] = [
  ApplicationsController,
  EndpointsController,
  EndpointSecretsController,
  EndpointHeadersController,
  EventTypesController,
  MessagesController,
  AttemptsController,
  StatisticsController,
];

/** Serves REST and its documentation. */
@Module({
  // The order of the first two is the order of their guards: count, then ask for the token.
  imports: [
    RateLimitModule,
    AuthModule,
    ApplicationsModule,
    EventTypesModule,
    EndpointsModule,
    MessagesModule,
    DeliveriesModule,
    StatisticsModule,
  ],
  controllers: CONTROLLERS,
  providers: [IdempotencyRepository, { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor }],
})
export class ApiRole {}
