import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ApplicationsModule } from '@/features/applications/applications.module';
import { EventTypesModule } from '@/features/event-types/event-types.module';
import { EgressModule } from '@/infra/egress/egress.module';
import { DeliveryEndpoints } from './delivery-endpoints';
import { EndpointHeadersService } from './endpoint-headers.service';
import { EndpointHealthRepository } from './endpoint-health.repository';
import { EndpointSecret } from './endpoint-secret.entity';
import { EndpointSecretsRepository } from './endpoint-secrets.repository';
import { EndpointSecretsService } from './endpoint-secrets.service';
import { EndpointUrlGuard } from './endpoint-url-guard';
import { EndpointVault } from './endpoint-vault';
import { Endpoint } from './endpoint.entity';
import { EndpointsRepository } from './endpoints.repository';
import { EndpointsService } from './endpoints.service';

@Module({
  imports: [TypeOrmModule.forFeature([Endpoint, EndpointSecret]), ApplicationsModule, EventTypesModule, EgressModule],
  providers: [
    EndpointsRepository,
    EndpointSecretsRepository,
    EndpointHealthRepository,
    EndpointVault,
    EndpointUrlGuard,
    DeliveryEndpoints,
    EndpointsService,
    EndpointSecretsService,
    EndpointHeadersService,
  ],
  exports: [EndpointsService, EndpointSecretsService, EndpointHeadersService],
})
export class EndpointsModule {}
