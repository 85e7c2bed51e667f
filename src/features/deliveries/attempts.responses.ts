import { isUtf8 } from 'node:buffer';
import { timeOfId } from '@libs/sortable-id/sortable-id';
import { Schema } from '@/infra/http/schema.decorator';
import { PageOf } from '@/infra/http/page-of';
import { EndpointOut } from '@/features/endpoints/endpoints.responses';
import { messageJson, messageMembers, MessageOut } from '@/features/messages/messages.responses';
import { type StoredMessage } from '@/features/messages/messages.types';

import { MAX_RESPONSE_BYTES } from '@/infra/egress/egress.module';

/** 0 success, 1 pending, 2 fail, 3 sending: failed so far, and another attempt is planned. */
export const MessageStatus = { success: 0, pending: 1, fail: 2, sending: 3 } as const;

/** What `MessageStatus` is called. */
export type MessageStatusText = keyof typeof MessageStatus;

/** One HTTP request that was made for a delivery. */
export class MessageAttemptOut {
  /**
   * Its id; sorts by the time at which it began.
   * @example atmpt_2mXLPKqXdU5bY8rVvY6jvBEuCbD
   */
  id: string;

  /**
   * The message.
   * @example msg_2mXLPKqXdU5bY8rVvY6jvBEuCbD
   */
  msgId: string;

  /**
   * The endpoint.
   * @example ep_2mXLPKqXdU5bY8rVvY6jvBEuCbD
   */
  endpointId: string;

  /**
   * Where the request went.
   * @example https://example.com/webhook/
   */
  @Schema({ format: 'uri' })
  url: string;

  /**
   * The first 20,000 bytes of the answer's body, base64 when they are not UTF-8; or why there was no answer.
   */
  @Schema({ example: '{"ok":true}' })
  response: string;

  /**
   * Status code of the answer; 0 when there was none.
   * @example 200
   */
  @Schema({ type: 'integer' })
  responseStatusCode: number;

  /**
   * Milliseconds of the whole exchange.
   * @example 87
   */
  @Schema({ type: 'integer' })
  responseDurationMs: number;

  /**
   * 0 success, 2 fail.
   * @example 0
   */
  @Schema({ type: 'integer', enum: [0, 2] })
  status: number;

  /**
   * What the status is called.
   * @example success
   */
  @Schema({ type: 'string', enum: ['success', 'fail'] })
  statusText: string;

  /**
   * 0 scheduled, 1 manual.
   * @example 0
   */
  @Schema({ type: 'integer', enum: [0, 1] })
  triggerType: number;

  /**
   * When the attempt began.
   * @example '2026-11-24T12:00:00.000Z'
   */
  timestamp: Date;

  /** The message, when it was asked for. */
  msg?: MessageOut | null;
}

/** One page of attempts, newest first. */
export class MessageAttemptPage extends PageOf(MessageAttemptOut, 'atmpt_2mXLPKqXdU5bY8rVvY6jvBEuCbD') {}

/** A message with what came of it at one endpoint. */
class EndpointMessageOut extends MessageOut {
  /**
   * 0 success, 2 fail, 3 sending: another attempt is planned.
   * @example 3
   */
  @Schema({ type: 'integer', enum: [0, 2, 3] })
  status: number;

  /**
   * What the status is called.
   * @example sending
   */
  @Schema({ type: 'string', enum: ['success', 'fail', 'sending'] })
  statusText: string;

  /**
   * When the next attempt is due; absent when none is planned.
   * @example '2026-11-24T12:05:00.000Z'
   */
  nextAttempt?: Date;
}

/** One page of attempted messages, newest first. */
export class EndpointMessagePage extends PageOf(EndpointMessageOut, 'msg_2mXLPKqXdU5bY8rVvY6jvBEuCbD') {}

/** An endpoint with what came of one message there. */
export class MessageEndpointOut extends EndpointOut {
  /**
   * 0 success, 2 fail, 3 sending: another attempt is planned.
   * @example 3
   */
  @Schema({ type: 'integer', enum: [0, 2, 3] })
  status: number;

  /**
   * What the status is called.
   * @example sending
   */
  @Schema({ type: 'string', enum: ['success', 'fail', 'sending'] })
  statusText: string;

  /**
   * When the next attempt is due; null when none is planned.
   * @example '2026-11-24T12:05:00.000Z'
   */
  nextAttempt: Date | null;
}

/** One page of destinations. */
export class MessageEndpointPage extends PageOf(MessageEndpointOut, 'ep_2mXLPKqXdU5bY8rVvY6jvBEuCbD') {}

/** An attempt as it is stored. */
export interface StoredAttempt {
  id: string;
  messageId: string;
  endpointId: string;
  isManual: boolean;
  isSuccess: boolean;
  statusCode: number;
  durationMs: number;
  url: string;
  /** Null when the content was left out. */
  response: Buffer | null;
}

/** The attempt as JSON text; `message` is undefined when it was not asked for. */
export function attemptJson(attempt: StoredAttempt, message: StoredMessage | undefined, withContent: boolean): string {
  const statusText: MessageStatusText = attempt.isSuccess ? 'success' : 'fail';
  const text = JSON.stringify({
    id: attempt.id,
    msgId: attempt.messageId,
    endpointId: attempt.endpointId,
    url: attempt.url,
    response: attempt.response === null ? '' : responseText(attempt.response),
    responseStatusCode: attempt.statusCode,
    responseDurationMs: attempt.durationMs,
    status: MessageStatus[statusText],
    statusText,
    triggerType: attempt.isManual ? 1 : 0,
    timestamp: new Date(timeOfId(attempt.id)),
  });
  return message === undefined ? text : `${text.slice(0, -1)},"msg":${messageJson(message, withContent)}}`;
}

/** Text where the bytes are text, else base64. A character that the cap cut in half does not make it binary. */
function responseText(bytes: Buffer): string {
  const mostCut = bytes.length === MAX_RESPONSE_BYTES ? 3 : 0;
  for (let cut = 0; cut <= mostCut; cut++) {
    const part = bytes.subarray(0, bytes.length - cut);
    if (isUtf8(part)) {
      return part.toString('utf8');
    }
  }
  return bytes.toString('base64');
}

/** An attempted message as JSON text. */
export function endpointMessageJson(
  message: StoredMessage,
  state: { statusText: MessageStatusText; nextAttempt: Date | null },
  withContent: boolean,
): string {
  const { statusText, nextAttempt } = state;
  const next = nextAttempt === null ? '' : `,"nextAttempt":"${nextAttempt.toISOString()}"`;
  return `{${messageMembers(message, withContent)},"status":${MessageStatus[statusText]},"statusText":"${statusText}"${next}}`;
}
