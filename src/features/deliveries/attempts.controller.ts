import { Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { type Access } from '@/features/auth/access.types';
import { AllowFor, CurrentAccess } from '@/features/auth/audience.decorator';
import { MessagesService } from '@/features/messages/messages.service';
import { toNewestFirstPage } from '@/infra/http/newest-first';
import { ApiRoute } from '@/infra/http/api-operation.decorator';
import { EmptyOut } from '@/infra/http/empty.responses';
import { toPageRequest } from '@/infra/http/list-query.requests';
import { pageJson } from '@/infra/http/json-page';
import { sendJsonText } from '@/infra/http/send-json-text';
import { isId } from '@libs/sortable-id/sortable-id';
import {
  AttemptedListQuery,
  AttemptListQuery,
  DestinationListQuery,
  MessageAttemptListQuery,
} from './attempts.requests';
import { EndpointMessagePage, MessageAttemptOut, MessageAttemptPage, MessageEndpointPage } from './attempts.responses';
import { type AttemptFilter } from './attempts.types';
import { AttemptsService } from './attempts.service';

@ApiTags('Message Attempt')
@Controller('api/v1/app/:app_id')
@AllowFor('application')
export class AttemptsController {
  constructor(private readonly attempts: AttemptsService) {}

  @Get('attempt/endpoint/:endpoint_id')
  @ApiRoute({
    id: 'v1.message-attempt.list-by-endpoint',
    summary: 'List attempts to an endpoint, newest first',
    responses: { 200: MessageAttemptPage },
  })
  async listByEndpoint(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
    @Query() query: AttemptListQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const page = toNewestFirstPage(query, AttemptsService.isKey);
    const view = { withContent: query.with_content !== false, withMessage: query.with_msg === true };
    const found = await this.attempts.listByEndpoint(access, appId, endpointId, filterOf(query), page, view);
    sendJsonText(reply, 200, pageJson(found));
  }

  @Get('attempt/msg/:msg_id')
  @ApiRoute({
    id: 'v1.message-attempt.list-by-msg',
    summary: 'List attempts of a message, newest first',
    responses: { 200: MessageAttemptPage },
  })
  async listByMessage(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('msg_id') messageId: string,
    @Query() query: MessageAttemptListQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const page = toNewestFirstPage(query, AttemptsService.isKey);
    const view = { withContent: query.with_content !== false, withMessage: query.with_msg === true };
    const filter = { ...filterOf(query), endpointId: query.endpoint_id };
    const found = await this.attempts.listByMessage(access, appId, messageId, filter, page, view);
    sendJsonText(reply, 200, pageJson(found));
  }

  @Get('msg/:msg_id/attempt/:attempt_id')
  @ApiRoute({ id: 'v1.message-attempt.get', summary: 'Get an attempt', responses: { 200: MessageAttemptOut } })
  async get(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('msg_id') messageId: string,
    @Param('attempt_id') attemptId: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    sendJsonText(reply, 200, await this.attempts.get(access, appId, messageId, attemptId));
  }

  @Get('endpoint/:endpoint_id/msg')
  @ApiRoute({
    id: 'v1.message-attempt.list-attempted-messages',
    summary: 'List messages that were attempted at an endpoint, newest first',
    responses: { 200: EndpointMessagePage },
  })
  async listAttemptedMessages(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
    @Query() query: AttemptedListQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const page = toNewestFirstPage(query, MessagesService.isKey);
    const withContent = query.with_content !== false;
    const filter = filterOf(query);
    const found = await this.attempts.listAttemptedMessages(access, appId, endpointId, filter, page, withContent);
    sendJsonText(reply, 200, pageJson(found));
  }

  @Get('msg/:msg_id/endpoint')
  @ApiRoute({
    id: 'v1.message-attempt.list-attempted-destinations',
    summary: 'List the endpoints that a message was attempted at, deleted ones too',
    responses: { 200: MessageEndpointPage },
  })
  listDestinations(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('msg_id') messageId: string,
    @Query() query: DestinationListQuery,
  ): Promise<MessageEndpointPage> {
    const page = toPageRequest(query, 'ascending', (text) => isId('ep', text));
    return this.attempts.listDestinations(access, appId, messageId, page);
  }

  @Post('msg/:msg_id/endpoint/:endpoint_id/resend')
  @ApiRoute({
    id: 'v1.message-attempt.resend',
    summary: 'Send a message to an endpoint once more',
    description:
      'One attempt at once, whatever the filters of the endpoint say; automatic retries go on beside it. A disabled endpoint gets nothing.',
    responses: { 202: EmptyOut },
    errors: [409, 413],
  })
  async resend(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('msg_id') messageId: string,
    @Param('endpoint_id') endpointId: string,
  ): Promise<EmptyOut> {
    await this.attempts.resend(access, appId, messageId, endpointId);
    return {};
  }
}

function filterOf(query: AttemptedListQuery & Partial<AttemptListQuery>): AttemptFilter {
  return {
    status: query.status,
    statusCodeClass: query.status_code_class,
    channel: query.channel,
    tag: query.tag,
    eventTypes: query.event_types,
    before: query.before,
    after: query.after,
  };
}
