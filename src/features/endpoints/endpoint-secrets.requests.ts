import { Schema } from '@/infra/http/schema.decorator';
import { IsInt, Max, Min } from 'class-validator';
import { Nullable } from '@/infra/http/validators';
import { IsSigningSecret } from './is-signing-secret';

/** A week. */
const MAX_GRACE_PERIOD_SECONDS = 604_800;
const GRACE_PERIOD_MESSAGE = `Expected a whole number from 0 to ${MAX_GRACE_PERIOD_SECONDS}.`;

/** How to replace a signing secret. */
export class EndpointSecretRotateIn {
  /**
   * The new secret: `whsec_` and 24 to 75 bytes in base64, or `whsk_` and an ed25519 key pair. Null makes one.
   * @example whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD
   */
  @Nullable()
  @IsSigningSecret()
  key?: string | null;

  /**
   * Seconds for which the secret of before still signs too, 0 to 604800; a day when left out.
   * @example 86400
   */
  @Schema({ type: 'integer' })
  @Nullable()
  @IsInt({ message: GRACE_PERIOD_MESSAGE })
  @Min(0, { message: GRACE_PERIOD_MESSAGE })
  @Max(MAX_GRACE_PERIOD_SECONDS, { message: GRACE_PERIOD_MESSAGE })
  gracePeriodSeconds?: number | null = 86_400;
}
