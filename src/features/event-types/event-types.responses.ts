import { PageOf } from '@/infra/http/page-of';
import { type EventType } from './event-type.entity';

/** An event type. */
export class EventTypeOut {
  /**
   * Its name, unique in the organization.
   * @example user.signup
   */
  name: string;

  /**
   * What it means, for people.
   * @example 'A user has signed up'
   */
  description: string;

  /**
   * True when it is hidden from lists, and endpoints cannot subscribe to it anew.
   * @example false
   */
  archived: boolean;

  /**
   * True when it is going away.
   * @example false
   */
  deprecated: boolean;

  /**
   * JSON Schema of the payload by version; null when it has none, and in lists without `with_content`.
   * @example { "1": { "type": "object", "properties": { "userId": { "type": "string" } } } }
   */
  schemas: Record<string, object | boolean> | null;

  /**
   * Flags of which an application token needs one to see it; null shows it to all.
   * @example ["beta"]
   */
  featureFlags: string[] | null;

  /**
   * Older form of `featureFlags`: the flag when there is exactly one, else null.
   * @example beta
   */
  featureFlag: string | null;

  /**
   * Group under which it is shown.
   * @example user
   */
  groupName: string | null;

  /**
   * When it was created.
   * @example '2026-11-24T12:00:00.000Z'
   */
  createdAt: Date;

  /**
   * When it was last changed.
   * @example '2026-11-24T12:00:00.000Z'
   */
  updatedAt: Date;
}

/** One page of event types. */
export class EventTypePage extends PageOf(EventTypeOut, 'user.signup') {}

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
