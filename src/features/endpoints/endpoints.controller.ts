import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { type Access } from '@/features/auth/access.types';
import { AllowFor, CurrentAccess } from '@/features/auth/audience.decorator';
import { ApiRoute } from '@/infra/http/api-operation.decorator';
import { OrderedListQuery, toPageRequest } from '@/infra/http/list-query.requests';
import { EndpointIn, EndpointPatch, EndpointUpsertIn } from './endpoints.requests';
import { EndpointOut, EndpointPage } from './endpoints.responses';
import { EndpointsService } from './endpoints.service';

@ApiTags('Endpoint')
@AllowFor('application')
@Controller('api/v1/app/:app_id/endpoint')
export class EndpointsController {
  constructor(private readonly endpoints: EndpointsService) {}

  @Get()
  @ApiRoute({
    id: 'v1.endpoint.list',
    summary: 'List the endpoints of an application',
    description: 'The newest first, unless `order` says otherwise.',
    responses: { 200: EndpointPage },
  })
  list(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Query() query: OrderedListQuery,
  ): Promise<EndpointPage> {
    return this.endpoints.list(access, appId, toPageRequest(query, 'descending', EndpointsService.isKey));
  }

  @Post()
  @ApiRoute({
    id: 'v1.endpoint.create',
    summary: 'Create an endpoint',
    responses: { 201: EndpointOut },
    errors: [409, 413],
  })
  create(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Body() body: EndpointIn,
  ): Promise<EndpointOut> {
    return this.endpoints.create(access, appId, body);
  }

  @Get(':endpoint_id')
  @ApiRoute({ id: 'v1.endpoint.get', summary: 'Get an endpoint', responses: { 200: EndpointOut } })
  get(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
  ): Promise<EndpointOut> {
    return this.endpoints.get(access, appId, endpointId);
  }

  @Put(':endpoint_id')
  @ApiRoute({
    id: 'v1.endpoint.update',
    summary: 'Replace an endpoint, or create it',
    description: 'The secret and the headers of an endpoint that exists stay.',
    responses: { 200: EndpointOut, 201: EndpointOut },
    errors: [409, 413],
  })
  async update(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
    @Body() body: EndpointUpsertIn,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EndpointOut> {
    const { value, isNew } = await this.endpoints.upsert(access, appId, endpointId, body);
    void reply.status(isNew ? 201 : 200);
    return value;
  }

  @Patch(':endpoint_id')
  @ApiRoute({
    id: 'v1.endpoint.patch',
    summary: 'Change some fields of an endpoint',
    responses: { 200: EndpointOut },
    errors: [409, 413],
  })
  patch(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
    @Body() body: EndpointPatch,
  ): Promise<EndpointOut> {
    return this.endpoints.patch(access, appId, endpointId, body);
  }

  @Delete(':endpoint_id')
  @ApiRoute({ id: 'v1.endpoint.delete', summary: 'Delete an endpoint', responses: { 204: null } })
  async delete(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
  ): Promise<void> {
    await this.endpoints.delete(access, appId, endpointId);
  }
}
