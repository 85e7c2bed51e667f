import { Injectable } from '@nestjs/common';
import { isId } from '@libs/sortable-id/sortable-id';
import { Clock } from '@/common/clock';
import { type Page, type PageRequest, toPage } from '@/common/page';
import { type Access } from '@/features/auth/access.types';
import { EndpointsService } from '@/features/endpoints/endpoints.service';
import { MessagesService } from '@/features/messages/messages.service';
import { type StoredMessage } from '@/features/messages/messages.types';
import { AttemptNotFoundError, MissingPayloadError } from './attempts.errors';
import { AttemptsRepository } from './attempts.repository';
import {
  attemptJson,
  endpointMessageJson,
  type MessageEndpointOut,
  MessageStatus,
  type MessageStatusText,
  type StoredAttempt,
} from './attempts.responses';
import { type AttemptFilter, type DeliveryState } from './attempts.types';
import { DeliveriesRepository } from './deliveries.repository';
import { DueSignal } from './due-signal';

/** How much of attempts a caller wants to see. */
export interface AttemptView {
  withContent: boolean;
  withMessage: boolean;
}

/** What came of deliveries, and sending one again. */
@Injectable()
export class AttemptsService {
  constructor(
    private readonly endpoints: EndpointsService,
    private readonly messages: MessagesService,
    private readonly attempts: AttemptsRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly due: DueSignal,
    private readonly clock: Clock,
  ) {}

  async listByEndpoint(
    access: Access,
    appId: string,
    endpointId: string,
    filter: AttemptFilter,
    page: PageRequest,
    view: AttemptView,
  ): Promise<Page<string>> {
    const endpoint = await this.endpoints.resolve(access, appId, endpointId);
    const rows = await this.attempts.listByEndpoint(endpoint.id, filter, page, view.withContent);
    return this.toAttemptPage(endpoint.appId, rows, page, view);
  }

  async listByMessage(
    access: Access,
    appId: string,
    messageId: string,
    filter: AttemptFilter,
    page: PageRequest,
    view: AttemptView,
  ): Promise<Page<string>> {
    const message = await this.messages.resolve(access, appId, messageId);
    const endpointId =
      filter.endpointId === undefined ? undefined : (await this.endpoints.resolve(access, appId, filter.endpointId)).id;
    const rows = await this.attempts.listByMessage(message.id, { ...filter, endpointId }, page, view.withContent);
    return this.toAttemptPage(message.appId, rows, page, view);
  }

  /** Throws `AttemptNotFoundError`. */
  async get(access: Access, appId: string, messageId: string, attemptId: string): Promise<string> {
    const message = await this.messages.resolve(access, appId, messageId);
    const attempt = isId('atmpt', attemptId)
      ? await this.attempts.find(message.appId, message.id, attemptId)
      : undefined;
    if (attempt === undefined) {
      throw new AttemptNotFoundError();
    }
    return attemptJson(attempt, undefined, true);
  }

  async listAttemptedMessages(
    access: Access,
    appId: string,
    endpointId: string,
    filter: AttemptFilter,
    page: PageRequest,
    withContent: boolean,
  ): Promise<Page<string>> {
    const endpoint = await this.endpoints.resolve(access, appId, endpointId);
    const rows = await this.attempts.listAttemptedMessages(endpoint.appId, endpoint.id, filter, page);
    const byId = await this.messagesOf(
      endpoint.appId,
      rows.map((row) => row.messageId),
    );
    return withoutGone(
      toPage(
        rows,
        page,
        (row) => row.messageId,
        (row) => {
          // A message whose partition was dropped is gone, and its attempts with it a little later.
          const message = byId.get(row.messageId);
          return message && endpointMessageJson(message, stateOf(row), withContent);
        },
      ),
    );
  }

  async listDestinations(
    access: Access,
    appId: string,
    messageId: string,
    page: PageRequest,
  ): Promise<Page<MessageEndpointOut>> {
    const message = await this.messages.resolve(access, appId, messageId);
    const rows = await this.attempts.listDestinations(message.id, page);
    const endpoints = await this.endpoints.findManyWithDeleted(rows.map((row) => row.endpointId));
    const byId = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
    return withoutGone(
      toPage(
        rows,
        page,
        (row) => row.endpointId,
        (row) => {
          const endpoint = byId.get(row.endpointId);
          const { statusText, nextAttempt } = stateOf(row);
          return endpoint && { ...endpoint, status: MessageStatus[statusText], statusText, nextAttempt };
        },
      ),
    );
  }

  /**
   * Sends a message to an endpoint once more, whatever its filters say; automatic retries go on beside it. A disabled
   * endpoint gets nothing. Throws `MissingPayloadError`.
   */
  async resend(access: Access, appId: string, messageId: string, endpointId: string): Promise<void> {
    const message = await this.messages.resolve(access, appId, messageId);
    const endpoint = await this.endpoints.resolve(access, appId, endpointId);
    if (message.payload === null) {
      throw new MissingPayloadError();
    }
    await this.deliveries.insertManual(message.appId, message.id, endpoint.id);
    this.due.notify(this.clock.now());
  }

  /** True for what can be the key of a page of attempts. */
  static isKey(this: void, text: string): boolean {
    return isId('atmpt', text);
  }

  private async toAttemptPage(
    appId: string,
    rows: StoredAttempt[],
    page: PageRequest,
    view: AttemptView,
  ): Promise<Page<string>> {
    const byId = view.withMessage
      ? await this.messagesOf(
          appId,
          rows.map((row) => row.messageId),
        )
      : undefined;
    return toPage(
      rows,
      page,
      (row) => row.id,
      (row) => attemptJson(row, byId?.get(row.messageId), view.withContent),
    );
  }

  private async messagesOf(appId: string, ids: readonly string[]): Promise<Map<string, StoredMessage>> {
    const distinct = [...new Set(ids)];
    const messages = await this.messages.findMany(
      distinct.map(() => appId),
      distinct,
    );
    return new Map(messages.map((message) => [message.id, message]));
  }
}

/** What is gone is left out after the page was made, so that its iterator and `done` tell the truth. */
function withoutGone<T>(page: Page<T | undefined>): Page<T> {
  return { ...page, data: page.data.filter((item) => item !== undefined) };
}

function stateOf(state: DeliveryState): { statusText: MessageStatusText; nextAttempt: Date | null } {
  if (state.isSuccess) {
    return { statusText: 'success', nextAttempt: null };
  }
  if (state.dueAt === null) {
    return { statusText: 'fail', nextAttempt: null };
  }
  // While an attempt is under way, due_at only says when it is given up for lost.
  return { statusText: 'sending', nextAttempt: state.isClaimed ? null : state.dueAt };
}
