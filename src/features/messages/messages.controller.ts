import { Controller, Get, Headers, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { type Access } from '@/features/auth/access.types';
import { AllowFor, CurrentAccess } from '@/features/auth/audience.decorator';
import { ApiRoute } from '@/infra/http/api-operation.decorator';
import { idempotencyKeyOf } from '@/infra/idempotency/idempotency-key';
import { OwnIdempotency } from '@/infra/idempotency/idempotency.interceptor';
import { type JsonBody, JsonTextBody } from '@/infra/http/json-text.decorator';
import { pageJson } from '@/infra/http/json-page';
import { sendJsonText } from '@/infra/http/send-json-text';
import { ApiWithContent, WithContent } from '@/infra/http/with-content.decorator';
import { MessageIn, MessageListQuery } from './messages.requests';
import { messageJson, MessageOut, MessagePage } from './messages.responses';
import { MessagesService } from './messages.service';
import { toNewestFirstPage } from '@/infra/http/newest-first';

const MESSAGE_EXAMPLES = {
  event: {
    summary: 'An event',
    value: { eventType: 'invoice.paid', payload: { type: 'invoice.paid', data: { id: 'invoice_123' } } },
  },
  deduplicated: {
    summary: 'An event with an id of your own, for some endpoints',
    value: {
      eventType: 'invoice.paid',
      eventId: 'evt-4711',
      channels: ['project_123'],
      payload: { type: 'invoice.paid', data: { id: 'invoice_123' } },
    },
  },
};

@ApiTags('Message')
@Controller('api/v1/app/:app_id/msg')
export class MessagesController {
  constructor(private readonly messages: MessagesService) {}

  @Post()
  @OwnIdempotency()
  @ApiWithContent()
  @ApiBody({ type: MessageIn, examples: MESSAGE_EXAMPLES })
  @ApiRoute({
    id: 'v1.message.create',
    summary: 'Send a message',
    description: 'A 202 means that the message is committed to the database and will be delivered.',
    responses: { 202: MessageOut },
    errors: [409, 413],
  })
  async create(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @JsonTextBody() body: JsonBody,
    @WithContent() withContent: boolean,
    @Headers('idempotency-key') key: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const message = await this.messages.create(access, appId, body, idempotencyKeyOf(key));
    sendJsonText(reply, 202, messageJson(message, withContent));
  }

  @Get()
  @AllowFor('application')
  @ApiRoute({ id: 'v1.message.list', summary: 'List messages, newest first', responses: { 200: MessagePage } })
  async list(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Query() query: MessageListQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const filter = { ...query, eventTypes: query.event_types };
    const page = toNewestFirstPage(query, MessagesService.isKey);
    sendJsonText(
      reply,
      200,
      pageJson(await this.messages.list(access, appId, filter, page, query.with_content !== false)),
    );
  }

  @Get(':msg_id')
  @AllowFor('application')
  @ApiWithContent()
  @ApiRoute({ id: 'v1.message.get', summary: 'Get a message', responses: { 200: MessageOut } })
  async get(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('msg_id') messageId: string,
    @WithContent() withContent: boolean,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const message = await this.messages.resolve(access, appId, messageId);
    sendJsonText(reply, 200, messageJson(message, withContent));
  }
}
