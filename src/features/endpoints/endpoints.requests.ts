import { Schema } from '@/infra/http/schema.decorator';
import { OlderName } from '@/infra/http/older-name';
import {
  IsFlag,
  IsMetadata,
  IsNameSet,
  IsText,
  IsThrottleRate,
  IsUid,
  Nullable,
  Optional,
} from '@/infra/http/validators';
import { IsEndpointUrl } from './endpoint-url';
import { IsHeaderMap } from './header-rules';
import { IsSigningSecret } from './is-signing-secret';

const EVENT_TYPES = { min: 1, max: 10_000, maxLength: 256 };
const CHANNELS = { min: 1, max: 10, maxLength: 256 };

/** All of an endpoint that is replaced; its secret and headers stay. */
export class EndpointUpsertIn {
  /**
   * Where to send webhooks: http or https, at most 65536 characters. Private and reserved addresses are refused.
   * @example https://example.com/webhook/
   */
  @Schema({ format: 'uri', maxLength: 65_536 })
  @IsEndpointUrl()
  url: string;

  /**
   * What it is for, for people.
   * @example Production
   */
  @Optional()
  @IsText()
  description?: string = '';

  /**
   * Your own id of this endpoint, unique in the application; usable wherever an endpoint id is.
   * @example endpoint-1
   */
  @Nullable()
  @IsUid('ep_')
  uid?: string | null;

  /**
   * Most deliveries a second, 1 to 65535; null is unlimited. `rateLimit` is an older name.
   * @example 50
   */
  @OlderName('rateLimit', { isExclusive: false })
  @Nullable()
  @IsThrottleRate()
  throttleRate?: number | null;

  /** A disabled endpoint gets nothing. */
  @Optional()
  @IsFlag()
  disabled?: boolean = false;

  /**
   * Event types that it takes, at least one; null takes all. They must exist. `filterTypes` is an older name.
   * @example ["user.signup", "user.deleted"]
   */
  @OlderName('filterTypes', { isExclusive: true })
  @Nullable()
  @IsNameSet(EVENT_TYPES)
  eventTypes?: string[] | null;

  /**
   * Channels that it takes, 1 to 10; null takes every message.
   * @example ["project_123"]
   */
  @Nullable()
  @IsNameSet(CHANNELS)
  channels?: string[] | null;

  /**
   * Your own texts, at most 4096 bytes as JSON.
   * @example { "team": "billing" }
   */
  @Nullable()
  @IsMetadata()
  metadata?: Record<string, string> | null;
}

/** A new endpoint. */
export class EndpointIn extends EndpointUpsertIn {
  /**
   * Secret that signs its webhooks: `whsec_` and 24 to 75 bytes in base64, or `whsk_` and an ed25519 key pair. Null makes one.
   * @example whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD
   */
  @Nullable()
  @IsSigningSecret()
  secret?: string | null;

  /**
   * Extra headers of its webhooks, at most 100, with values of at most 4096 bytes.
   * @example { "X-Example": "123" }
   */
  @Nullable()
  @IsHeaderMap({ allowsNull: false })
  headers?: Record<string, string> | null;
}

/** Changes of an endpoint: fields left out stay, null clears. */
export class EndpointPatch {
  /**
   * Where to send webhooks: http or https, at most 65536 characters. Private and reserved addresses are refused.
   * @example https://example.com/webhook/
   */
  @Schema({ format: 'uri', maxLength: 65_536 })
  @Optional()
  @IsEndpointUrl()
  url?: string;

  /**
   * What it is for, for people.
   * @example Production
   */
  @Optional()
  @IsText()
  description?: string;

  /**
   * Your own id of this endpoint, unique in the application.
   * @example endpoint-1
   */
  @Nullable()
  @IsUid('ep_')
  uid?: string | null;

  /**
   * Most deliveries a second, 1 to 65535; null is unlimited. `rateLimit` is an older name.
   * @example 50
   */
  @OlderName('rateLimit', { isExclusive: false })
  @Nullable()
  @IsThrottleRate()
  throttleRate?: number | null;

  /** A disabled endpoint gets nothing. Enabling one that was disabled after failures lets it start afresh. */
  @Optional()
  @IsFlag()
  disabled?: boolean;

  /**
   * Event types that it takes, at least one; null takes all. They must exist. `filterTypes` is an older name.
   * @example ["user.signup", "user.deleted"]
   */
  @OlderName('filterTypes', { isExclusive: true })
  @Nullable()
  @IsNameSet(EVENT_TYPES)
  eventTypes?: string[] | null;

  /**
   * Channels that it takes, 1 to 10; null takes every message.
   * @example ["project_123"]
   */
  @Nullable()
  @IsNameSet(CHANNELS)
  channels?: string[] | null;

  /**
   * Your own texts, at most 4096 bytes as JSON; replaces all of them.
   * @example { "team": "billing" }
   */
  @Nullable()
  @IsMetadata()
  metadata?: Record<string, string> | null;
}
