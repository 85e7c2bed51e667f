import { OrderedListQuery } from '@/infra/http/list-query.requests';
import { QueryFlag } from '@/infra/http/query-fields';
import { IsEventTypeName, IsFlag, IsNameSet, IsText, Nullable, Optional } from '@/infra/http/validators';
import { IsSchemaMap } from './is-schema-map';

const FEATURE_FLAGS = { min: 0, max: 100, maxLength: 256 };

/** All of an event type but its name. */
export class EventTypeUpsertIn {
  /**
   * What it means, for people.
   * @example 'A user has signed up'
   */
  @IsText()
  description: string;

  /** Archived ones are hidden from lists, and endpoints cannot subscribe to them anew. */
  @Optional()
  @IsFlag()
  archived?: boolean = false;

  /** Marks it as one that is going away. */
  @Optional()
  @IsFlag()
  deprecated?: boolean = false;

  /**
   * JSON Schema of the payload by version.
   * @example { "1": { "type": "object", "properties": { "userId": { "type": "string" } } } }
   */
  @Nullable()
  @IsSchemaMap()
  schemas?: Record<string, object | boolean> | null;

  /**
   * Shows it only to application tokens with one of these flags, at most 100; null or empty shows it to all.
   * @example ["beta"]
   */
  @Nullable()
  @IsNameSet(FEATURE_FLAGS)
  featureFlags?: string[] | null;

  /**
   * Older form of `featureFlags` with one flag; `featureFlags` wins when both are given.
   * @example beta
   */
  @Nullable()
  @IsEventTypeName()
  featureFlag?: string | null;

  /**
   * Group under which it is shown.
   * @example user
   */
  @Nullable()
  @IsEventTypeName()
  groupName?: string | null;
}

/** A new event type, or one that comes back from the archive. */
export class EventTypeIn extends EventTypeUpsertIn {
  /**
   * Its name, unique in the organization.
   * @example user.signup
   */
  @IsEventTypeName()
  name: string;
}

/** Changes of an event type: fields left out stay, null clears. */
export class EventTypePatch {
  /**
   * What it means, for people.
   * @example 'A user has signed up'
   */
  @Optional()
  @IsText()
  description?: string;

  /** Puts it into the archive, or takes it out. */
  @Optional()
  @IsFlag()
  archived?: boolean;

  /** Marks it as one that is going away. */
  @Optional()
  @IsFlag()
  deprecated?: boolean;

  /**
   * JSON Schema of the payload by version; replaces all of them.
   * @example { "1": { "type": "object", "properties": { "userId": { "type": "string" } } } }
   */
  @Nullable()
  @IsSchemaMap()
  schemas?: Record<string, object | boolean> | null;

  /**
   * Shows it only to application tokens with one of these flags, at most 100; null or empty shows it to all.
   * @example ["beta"]
   */
  @Nullable()
  @IsNameSet(FEATURE_FLAGS)
  featureFlags?: string[] | null;

  /**
   * Older form of `featureFlags` with one flag; `featureFlags` wins when both are given.
   * @example beta
   */
  @Nullable()
  @IsEventTypeName()
  featureFlag?: string | null;

  /**
   * Group under which it is shown.
   * @example user
   */
  @Nullable()
  @IsEventTypeName()
  groupName?: string | null;
}

/** A page of event types, in the order of their names. */
export class EventTypeListQuery extends OrderedListQuery {
  /** Lists archived ones too. */
  @QueryFlag()
  @Optional()
  include_archived?: boolean = false;

  /** Returns the schemas; without it they are null. */
  @QueryFlag()
  @Optional()
  with_content?: boolean = false;
}

/** Options of deleting an event type. */
export class DeleteEventTypeQuery {
  /** Removes it for good instead of archiving it. */
  @QueryFlag()
  @Optional()
  expunge?: boolean = false;
}
