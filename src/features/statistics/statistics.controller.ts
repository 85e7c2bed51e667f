import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Access } from '@/features/auth/access.types';
import { AllowFor, CurrentAccess } from '@/features/auth/audience.decorator';
import { ApiRoute } from '@/infra/http/api-operation.decorator';
import { EndpointStatsQuery } from './statistics.requests';
import { EndpointStats } from './statistics.responses';
import { StatisticsService } from './statistics.service';

@ApiTags('Endpoint')
@AllowFor('application')
@Controller('api/v1/app/:app_id/endpoint/:endpoint_id/stats')
export class StatisticsController {
  constructor(private readonly statistics: StatisticsService) {}

  @Get()
  @ApiRoute({
    id: 'v1.endpoint.get-stats',
    summary: 'Count the deliveries to an endpoint',
    description:
      'Counts deliveries, not attempts, by the hour in which they ended. The last minutes are counted exactly; an ' +
      'endpoint with more than 3,000 attempts in them shows the rest a few minutes later. Attempts that were recorded ' +
      'late, after trouble with the database, are added about an hour later, or a day.',
    responses: { 200: EndpointStats },
  })
  getForEndpoint(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
    @Query() query: EndpointStatsQuery,
  ): Promise<EndpointStats> {
    return this.statistics.ofEndpoint(access, appId, endpointId, query);
  }
}
