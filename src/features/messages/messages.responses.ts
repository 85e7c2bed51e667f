import { timeOfId } from '@libs/sortable-id/sortable-id';
import { Schema } from '@/infra/http/schema.decorator';
import { PageOf } from '@/infra/http/page-of';
import { type StoredMessage } from './messages.types';

/** A message. */
export class MessageOut {
  /**
   * Its id; sorts by the time at which it was accepted.
   * @example msg_2mXLPKqXdU5bY8rVvY6jvBEuCbD
   */
  id: string;

  /**
   * Your own id of the event.
   * @example evt-4711
   */
  eventId: string | null;

  /**
   * Type of the event.
   * @example invoice.paid
   */
  eventType: string;

  /**
   * The payload as it was sent. `{"expired":true}` once its content is removed; `{"rawPayload":"..."}` when it is not a
   * JSON object; empty without content.
   * @example { "type": "invoice.paid", "data": { "id": "invoice_123" } }
   */
  payload: Record<string, unknown>;

  /**
   * Only endpoints without channels, or with one of these, got it; null is all.
   * @example ["project_123"]
   */
  channels: string[] | null;

  /**
   * Your own labels.
   * @example ["billing"]
   */
  tags: string[] | null;

  /**
   * When the message was accepted.
   * @example '2026-11-24T12:00:00.000Z'
   */
  timestamp: Date;

  /**
   * When it is to be delivered; null is at once.
   */
  @Schema({ example: null })
  deliverAt: Date | null;
}

/** One page of messages, newest first. */
export class MessagePage extends PageOf(MessageOut, 'msg_2mXLPKqXdU5bY8rVvY6jvBEuCbD') {}

const EXPIRED = '{"expired":true}';

/**
 * The message as JSON text: the payload is inserted as the bytes that it is stored as, never parsed, so that the largest
 * and the deepest costs no more than copying it, and numbers keep all their digits.
 */
export function messageJson(message: StoredMessage, withContent: boolean): string {
  return `{${messageMembers(message, withContent)}}`;
}

/** The members of `messageJson` without the braces, for answers that add some. */
export function messageMembers(message: StoredMessage, withContent: boolean): string {
  const timestamp = new Date(timeOfId(message.id)).toISOString();
  return [
    `"id":"${message.id}"`,
    `"eventId":${JSON.stringify(message.eventId)}`,
    `"eventType":"${message.eventType}"`,
    `"payload":${withContent ? payloadJson(message) : '{}'}`,
    `"channels":${JSON.stringify(message.channels)}`,
    `"tags":${JSON.stringify(message.tags)}`,
    `"timestamp":"${timestamp}"`,
    `"deliverAt":${message.deliverAt === null ? 'null' : `"${message.deliverAt.toISOString()}"`}`,
  ].join(',');
}

function payloadJson(message: StoredMessage): string {
  if (message.payload === null) {
    return EXPIRED;
  }
  const text = message.payload.toString('utf8');
  return message.isJsonObject ? text : JSON.stringify({ rawPayload: text });
}
