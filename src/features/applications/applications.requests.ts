import { QueryFlag } from '@/infra/http/query-fields';
import { OlderName } from '@/infra/http/older-name';
import { IsMetadata, IsText, IsThrottleRate, IsUid, Nullable, Optional } from '@/infra/http/validators';

/** A new application, or all of one that is replaced. */
export class ApplicationIn {
  /**
   * Name for people.
   * @example 'Acme Corp'
   */
  @IsText({ min: 1 })
  name: string;

  /**
   * Your own id of this customer, unique in the organization; usable wherever an application id is.
   * @example customer-1
   */
  @Nullable()
  @IsUid('app_')
  uid?: string | null;

  /**
   * Most deliveries a second to all endpoints together, 1 to 65535; null is unlimited. `rateLimit` is an older name.
   * @example 100
   */
  @OlderName('rateLimit', { isExclusive: false })
  @Nullable()
  @IsThrottleRate()
  throttleRate?: number | null;

  /**
   * Your own texts, at most 4096 bytes as JSON.
   * @example { "plan": "gold" }
   */
  @Nullable()
  @IsMetadata()
  metadata?: Record<string, string> | null;
}

/** Changes of an application: fields left out stay, null clears. */
export class ApplicationPatch {
  /**
   * Name for people.
   * @example 'Acme Corp'
   */
  @Optional()
  @IsText({ min: 1 })
  name?: string;

  /**
   * Your own id of this customer, unique in the organization.
   * @example customer-1
   */
  @Nullable()
  @IsUid('app_')
  uid?: string | null;

  /**
   * Most deliveries a second to all endpoints together, 1 to 65535; null is unlimited. `rateLimit` is an older name.
   * @example 100
   */
  @OlderName('rateLimit', { isExclusive: false })
  @Nullable()
  @IsThrottleRate()
  throttleRate?: number | null;

  /**
   * Your own texts, at most 4096 bytes as JSON; replaces all of them.
   * @example { "plan": "gold" }
   */
  @Nullable()
  @IsMetadata()
  metadata?: Record<string, string> | null;
}

/** Options of creating an application. */
export class CreateApplicationQuery {
  /** Answers the application with this uid when it exists, with 200, instead of 409. */
  @QueryFlag()
  @Optional()
  get_if_exists?: boolean = false;
}
