import { Injectable } from '@nestjs/common';
import { isId, newId } from '@libs/sortable-id/sortable-id';
import { ConflictError } from '@/common/app-error';
import { Clock } from '@/common/clock';
import { type Page, type PageRequest, toPage } from '@/common/page';
import { ApplicationNotFoundError } from '@/features/applications/applications.errors';
import { ApplicationsService } from '@/features/applications/applications.service';
import { type Access } from '@/features/auth/access.types';
import { type JsonBody } from '@/infra/http/json-text.decorator';
import { idempotencyHash } from '@/infra/idempotency/idempotency-key';
import { isStorableText } from '@/infra/http/validators';
import { MessageWriter } from './message-writer';
import { EventIdExistsError, MessageNotFoundError } from './messages.errors';
import { type MessageFilter, MessagesRepository } from './messages.repository';
import { messageJson } from './messages.responses';
import { type FittingMessage, type NewMessage, type StoredMessage } from './messages.types';
import { parseMessage, type ParsedMessage } from './parse-message';

/** The messages of an application: accepting and reading them. */
@Injectable()
export class MessagesService {
  constructor(
    private readonly applications: ApplicationsService,
    private readonly writer: MessageWriter,
    private readonly repository: MessagesRepository,
    private readonly clock: Clock,
  ) {}

  /**
   * Accepts a message: when this resolves it is committed. The same idempotency key gets the first message again.
   * Throws `EventIdExistsError`, `ApplicationNotFoundError`, `ValidationFailedError`.
   */
  async create(access: Access, appIdOrUid: string, body: JsonBody, idempotencyKey?: string): Promise<StoredMessage> {
    const nowMs = this.clock.now();
    const parsed = parseMessage(body, nowMs);
    const application = await this.applicationFor(access, appIdOrUid, parsed);
    const message: NewMessage = {
      id: newId('msg', nowMs),
      appId: application.id,
      eventType: parsed.eventType,
      eventId: parsed.eventId,
      channels: parsed.channels,
      tags: parsed.tags,
      payload: parsed.payload,
      isJsonObject: parsed.isJsonObject,
      payloadExpiresAtMs: nowMs + parsed.retentionMs,
      deliverAtMs: parsed.deliverAtMs,
      keyHash: idempotencyKey === undefined ? null : idempotencyHash(`${application.id} message`, idempotencyKey),
    };
    if (await this.writer.write(message)) {
      return { ...message, deliverAt: message.deliverAtMs === null ? null : new Date(message.deliverAtMs) };
    }
    return this.explainRefusal(message);
  }

  async list(
    access: Access,
    appIdOrUid: string,
    filter: MessageFilter,
    page: PageRequest,
    withContent: boolean,
  ): Promise<Page<string>> {
    const application = await this.applications.resolve(access, appIdOrUid);
    const rows = await this.repository.list(application.id, filter, page);
    return toPage(
      rows,
      page,
      (row) => row.id,
      (row) => messageJson(row, withContent),
    );
  }

  /** The message of a path, by its id or eventId. Throws `MessageNotFoundError`. */
  async resolve(access: Access, appIdOrUid: string, idOrEventId: string): Promise<StoredMessage> {
    const application = await this.applications.resolve(access, appIdOrUid);
    if (idOrEventId.length > 256 || !isStorableText(idOrEventId)) {
      throw new MessageNotFoundError();
    }
    const message = isId('msg', idOrEventId)
      ? await this.repository.findById(application.id, idOrEventId)
      : await this.repository.findByEventId(application.id, idOrEventId);
    if (message === undefined) {
      throw new MessageNotFoundError();
    }
    return message;
  }

  /** Messages by their keys, for workers; those that are gone are missing. The arrays go in parallel. */
  findMany(appIds: readonly string[], ids: readonly string[]): Promise<StoredMessage[]> {
    return this.repository.findMany(appIds, ids);
  }

  /** As `findMany`, but reads only about `maxBytes` of content. */
  findWithin(appIds: readonly string[], ids: readonly string[], maxBytes: number): Promise<FittingMessage[]> {
    return this.repository.findWithin(appIds, ids, maxBytes);
  }

  /** True for what can be the key of a page. */
  static isKey(this: void, text: string): boolean {
    return isId('msg', text);
  }

  private async applicationFor(access: Access, idOrUid: string, parsed: ParsedMessage): Promise<{ id: string }> {
    const application = await this.applications.find(access, idOrUid);
    if (application !== undefined) {
      return application;
    }
    if (parsed.application === undefined) {
      throw new ApplicationNotFoundError();
    }
    return this.applications.createForPath(access.orgId, idOrUid, parsed.application);
  }

  /** A refused message has a key that was used, and then its answer is the first one, or an eventId that is taken. */
  private async explainRefusal(message: NewMessage): Promise<StoredMessage> {
    const firstId = message.keyHash === null ? undefined : await this.repository.findIdByKey(message.keyHash);
    const first = firstId === undefined ? undefined : await this.repository.findById(message.appId, firstId);
    if (first !== undefined) {
      return first;
    }
    if (message.eventId !== null) {
      throw new EventIdExistsError();
    }
    throw new ConflictError('The request with this idempotency key did not succeed; use a new key.');
  }
}
