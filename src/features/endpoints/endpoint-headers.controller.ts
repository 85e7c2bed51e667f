import { Body, Controller, Get, Param, Patch, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Access } from '@/features/auth/access.types';
import { AllowFor, CurrentAccess } from '@/features/auth/audience.decorator';
import { ApiRoute } from '@/infra/http/api-operation.decorator';
import { EndpointHeadersIn, EndpointHeadersPatchIn } from './endpoint-headers.requests';
import { EndpointHeadersOut } from './endpoint-headers.responses';
import { EndpointHeadersService } from './endpoint-headers.service';

@ApiTags('Endpoint')
@AllowFor('application')
@Controller('api/v1/app/:app_id/endpoint/:endpoint_id/headers')
export class EndpointHeadersController {
  constructor(private readonly headers: EndpointHeadersService) {}

  @Get()
  @ApiRoute({
    id: 'v1.endpoint.get-headers',
    summary: 'Get the extra headers of an endpoint',
    description: 'The values of sensitive headers are not shown.',
    responses: { 200: EndpointHeadersOut },
  })
  get(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
  ): Promise<EndpointHeadersOut> {
    return this.headers.get(access, appId, endpointId);
  }

  @Put()
  @ApiRoute({
    id: 'v1.endpoint.update-headers',
    summary: 'Replace the extra headers of an endpoint',
    responses: { 204: null },
    errors: [413],
  })
  async set(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
    @Body() body: EndpointHeadersIn,
  ): Promise<void> {
    await this.headers.set(access, appId, endpointId, body);
  }

  @Patch()
  @ApiRoute({
    id: 'v1.endpoint.patch-headers',
    summary: 'Set and remove some extra headers of an endpoint',
    responses: { 204: null },
    errors: [413],
  })
  async patch(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
    @Body() body: EndpointHeadersPatchIn,
  ): Promise<void> {
    await this.headers.patch(access, appId, endpointId, body);
  }
}
