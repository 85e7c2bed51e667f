import { Schema } from '@/infra/http/schema.decorator';
import { Matches } from 'class-validator';
import { ApplicationIn } from '@/features/applications/applications.requests';
import { ListQuery } from '@/infra/http/list-query.requests';
import { QueryFlag, QueryInstant, QueryList, QueryText } from '@/infra/http/query-fields';
import { IsNameSet, Optional } from '@/infra/http/validators';

const NAME_PATTERN = '^[a-zA-Z0-9\\-_.]+$';

/** How a payload is sent that must not be touched. */
export class TransformationsParams {
  /**
   * Sent as the body instead of `payload`, byte for byte; need not be JSON.
   */
  @Schema({ example: '<invoice id="in_1042"/>' })
  rawPayload?: string;
}

/** A message to deliver. Checked by `parseMessage`. */
export class MessageIn {
  /**
   * Type of the event: 1 to 256 characters of a-z, A-Z, 0-9, `-`, `_` and `.`. It need not be registered.
   * @example invoice.paid
   */
  @Schema({ minLength: 1, maxLength: 256, pattern: NAME_PATTERN })
  eventType: string;

  /**
   * The JSON object to deliver. Its bytes arrive exactly as they stand here. `data` is another name.
   * @example { "type": "invoice.paid", "data": { "id": "invoice_123" } }
   */
  payload: Record<string, unknown>;

  /**
   * Your own id of the event, unique in the application; a second message with it is refused with 409.
   * @example evt-4711
   */
  @Schema({ minLength: 1, maxLength: 256, pattern: NAME_PATTERN })
  eventId?: string | null;

  /**
   * Only endpoints without channels, or with one of these, get the message; 1 to 5.
   * @example ["project_123"]
   */
  @Schema({ minItems: 1, maxItems: 5 })
  channels?: string[] | null;

  /**
   * Your own labels; 1 to 8.
   * @example ["billing"]
   */
  @Schema({ minItems: 1, maxItems: 8 })
  tags?: string[] | null;

  /**
   * Creates the application of the path, when there is none, from this. Its uid must be the one of the path.
   */
  application?: ApplicationIn | null;

  /**
   * For payloads that must be delivered as they are, JSON or not.
   */
  transformationsParams?: TransformationsParams | null;

  /**
   * Deliver at this time, at most 24 hours from now; null is at once.
   */
  @Schema({ example: '2026-11-24T18:00:00Z' })
  deliverAt?: Date | null;

  /**
   * Days after which the payload is removed, 1 to 90; 90 by default.
   * @example 90
   */
  @Schema({ type: 'integer', minimum: 1, maximum: 90 })
  payloadRetentionPeriod?: number | null;

  /**
   * The same in hours, 1 to 2160; takes precedence.
   */
  @Schema({ type: 'integer', minimum: 1, maximum: 2160, example: 2160 })
  payloadRetentionHours?: number | null;
}

/** Which messages to list. */
export class MessageListQuery extends ListQuery {
  /** Only messages of this channel. */
  @QueryText()
  @Optional()
  @Matches(/^[a-zA-Z0-9\-_.]{1,128}$/, { message: 'Expected the name of a channel.' })
  channel?: string;

  /** Only messages with this tag. */
  @QueryText()
  @Optional()
  @Matches(/^[a-zA-Z0-9\-_.]{1,128}$/, { message: 'Expected a tag.' })
  tag?: string;

  /** Only messages before this time. */
  @QueryInstant()
  @Optional()
  before?: Date;

  /** Only messages after this time. */
  @QueryInstant()
  @Optional()
  after?: Date;

  /** Only messages of these event types: `a,b`, or the field repeated. */
  @QueryList()
  @Optional()
  @IsNameSet({ min: 1, max: 100, maxLength: 256 })
  event_types?: string[];

  /** False leaves the payload out: it is then an empty object. */
  @QueryFlag()
  @Optional()
  with_content?: boolean = true;
}
