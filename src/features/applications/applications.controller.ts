import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { type Access } from '@/features/auth/access.types';
import { AllowFor, CurrentAccess } from '@/features/auth/audience.decorator';
import { ApiRoute } from '@/infra/http/api-operation.decorator';
import { OrderedListQuery, toPageRequest } from '@/infra/http/list-query.requests';
import { ApplicationIn, ApplicationPatch, CreateApplicationQuery } from './applications.requests';
import { ApplicationOut, ApplicationPage } from './applications.responses';
import { ApplicationsService } from './applications.service';

@ApiTags('Application')
@Controller('api/v1/app')
export class ApplicationsController {
  constructor(private readonly applications: ApplicationsService) {}

  @Get()
  @ApiRoute({ id: 'v1.application.list', summary: 'List applications', responses: { 200: ApplicationPage } })
  list(@CurrentAccess() access: Access, @Query() query: OrderedListQuery): Promise<ApplicationPage> {
    return this.applications.list(access.orgId, toPageRequest(query, 'ascending', ApplicationsService.isKey));
  }

  @Post()
  @ApiRoute({
    id: 'v1.application.create',
    summary: 'Create an application',
    responses: { 201: ApplicationOut, 200: ApplicationOut },
    errors: [409, 413],
  })
  async create(
    @CurrentAccess() access: Access,
    @Body() body: ApplicationIn,
    @Query() query: CreateApplicationQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ApplicationOut> {
    const { value, isNew } = await this.applications.create(access.orgId, body, query.get_if_exists === true);
    void reply.status(isNew ? 201 : 200);
    return value;
  }

  @Get(':app_id')
  @AllowFor('application')
  @ApiRoute({ id: 'v1.application.get', summary: 'Get an application', responses: { 200: ApplicationOut } })
  get(@CurrentAccess() access: Access, @Param('app_id') appId: string): Promise<ApplicationOut> {
    return this.applications.get(access, appId);
  }

  @Put(':app_id')
  @ApiRoute({
    id: 'v1.application.update',
    summary: 'Replace an application, or create it',
    responses: { 200: ApplicationOut, 201: ApplicationOut },
    errors: [409, 413],
  })
  async update(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Body() body: ApplicationIn,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ApplicationOut> {
    const { value, isNew } = await this.applications.upsert(access, appId, body);
    void reply.status(isNew ? 201 : 200);
    return value;
  }

  @Patch(':app_id')
  @ApiRoute({
    id: 'v1.application.patch',
    summary: 'Change some fields of an application',
    responses: { 200: ApplicationOut },
    errors: [409, 413],
  })
  patch(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Body() body: ApplicationPatch,
  ): Promise<ApplicationOut> {
    return this.applications.patch(access, appId, body);
  }

  @Delete(':app_id')
  @ApiRoute({ id: 'v1.application.delete', summary: 'Delete an application', responses: { 204: null } })
  async delete(@CurrentAccess() access: Access, @Param('app_id') appId: string): Promise<void> {
    await this.applications.delete(access, appId);
  }
}
