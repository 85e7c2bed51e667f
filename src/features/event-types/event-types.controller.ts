import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { type Access } from '@/features/auth/access.types';
import { AllowFor, CurrentAccess } from '@/features/auth/audience.decorator';
import { ApiRoute } from '@/infra/http/api-operation.decorator';
import { toPageRequest } from '@/infra/http/list-query.requests';
import {
  DeleteEventTypeQuery,
  EventTypeIn,
  EventTypeListQuery,
  EventTypePatch,
  EventTypeUpsertIn,
} from './event-types.requests';
import { EventTypeOut, EventTypePage } from './event-types.responses';
import { EventTypesService } from './event-types.service';

@ApiTags('Event Type')
@Controller('api/v1/event-type')
export class EventTypesController {
  constructor(private readonly eventTypes: EventTypesService) {}

  @Get()
  @AllowFor('any')
  @ApiRoute({
    id: 'v1.event-type.list',
    summary: 'List event types',
    description: 'In the order of their names. Application tokens see those without feature flags.',
    responses: { 200: EventTypePage },
  })
  list(@CurrentAccess() access: Access, @Query() query: EventTypeListQuery): Promise<EventTypePage> {
    return this.eventTypes.list(access, toPageRequest(query, 'ascending', EventTypesService.isKey), query);
  }

  @Post()
  @ApiRoute({
    id: 'v1.event-type.create',
    summary: 'Create an event type, or take it out of the archive',
    description: 'An archived one with this name is overwritten. A live one is 409 with code event_type_exists.',
    responses: { 201: EventTypeOut },
    errors: [409, 413],
  })
  create(@CurrentAccess() access: Access, @Body() body: EventTypeIn): Promise<EventTypeOut> {
    return this.eventTypes.create(access.orgId, body);
  }

  @Get(':event_type_name')
  @AllowFor('any')
  @ApiRoute({ id: 'v1.event-type.get', summary: 'Get an event type', responses: { 200: EventTypeOut } })
  get(@CurrentAccess() access: Access, @Param('event_type_name') name: string): Promise<EventTypeOut> {
    return this.eventTypes.get(access, name);
  }

  @Put(':event_type_name')
  @ApiRoute({
    id: 'v1.event-type.update',
    summary: 'Replace an event type, or create it',
    responses: { 200: EventTypeOut, 201: EventTypeOut },
    errors: [413],
  })
  async update(
    @CurrentAccess() access: Access,
    @Param('event_type_name') name: string,
    @Body() body: EventTypeUpsertIn,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EventTypeOut> {
    const { value, isNew } = await this.eventTypes.upsert(access.orgId, name, body);
    void reply.status(isNew ? 201 : 200);
    return value;
  }

  @Patch(':event_type_name')
  @ApiRoute({
    id: 'v1.event-type.patch',
    summary: 'Change some fields of an event type',
    responses: { 200: EventTypeOut },
    errors: [413],
  })
  patch(
    @CurrentAccess() access: Access,
    @Param('event_type_name') name: string,
    @Body() body: EventTypePatch,
  ): Promise<EventTypeOut> {
    return this.eventTypes.patch(access.orgId, name, body);
  }

  @Delete(':event_type_name')
  @ApiRoute({
    id: 'v1.event-type.delete',
    summary: 'Archive an event type',
    description: 'Endpoints that subscribe to it go on doing so. With `expunge=true` it is removed for good.',
    responses: { 204: null },
  })
  async delete(
    @CurrentAccess() access: Access,
    @Param('event_type_name') name: string,
    @Query() query: DeleteEventTypeQuery,
  ): Promise<void> {
    await this.eventTypes.delete(access.orgId, name, query.expunge === true);
  }
}
