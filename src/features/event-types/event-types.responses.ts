import { type Page } from '@/common/page';
import { type EventType } from './event-type.entity';

/** An event type. */
export class EventTypeOut {
  /** @example user.signup */
  name: string;

  /** @example A user has signed up */
  description: string;

  archived: boolean;

  deprecated: boolean;

  /**
   * JSON Schema of the payload by version; null when it has none, and in lists without `with_content`.
   * @example { "1": { "type": "object", "properties": { "userId": { "type": "string" } } } }
   */
  schemas: Record<string, object | boolean> | null;

  /** Flags of which an application token needs one to see it; null shows it to all. */
  featureFlags: string[] | null;

  /** Older form of `featureFlags`: the flag when there is exactly one, else null. */
  featureFlag: string | null;

  /** @example user */
  groupName: string | null;

  createdAt: Date;

  updatedAt: Date;
}

/** One page of event types. */
export class EventTypePage implements Page<EventTypeOut> {
  data: EventTypeOut[];

  /** Key of the last item: pass it as `iterator` to get the next page. */
  iterator: string | null;

  /** Pass it as `iterator` to go back. */
  prevIterator?: string;

  /** True when there is no further page. */
  done: boolean;
}

/** The event type as the API shows it; a row that was read without its schemas shows null. */
export function toEventTypeOut(eventType: EventType): EventTypeOut {
  const flags = eventType.featureFlags;
  return {
    name: eventType.name,
    description: eventType.description,
    archived: eventType.isArchived,
    deprecated: eventType.isDeprecated,
    schemas: eventType.schemas ?? null,
    featureFlags: flags,
    featureFlag: flags?.length === 1 ? (flags[0] ?? null) : null,
    groupName: eventType.groupName,
    createdAt: eventType.createdAt,
    updatedAt: eventType.updatedAt,
  };
}
