import { Schema } from '@/infra/http/schema.decorator';

/** How deliveries to an endpoint ended in a span of time. A delivery is one message to one endpoint, however many attempts it takes. */
export class EndpointStats {
  /**
   * Deliveries that succeeded, each in the hour of its first successful attempt, whether that was a resend or not.
   * @example 1042
   */
  @Schema({ type: 'integer', format: 'int64', minimum: 0 })
  success: number;

  /**
   * Deliveries whose last planned attempt failed, in the hour of that attempt, and that had not succeeded by a resend
   * before. Those that ended without an attempt, because the endpoint was disabled or deleted, are not counted.
   * @example 3
   */
  @Schema({ type: 'integer', format: 'int64', minimum: 0 })
  fail: number;

  /**
   * Deliveries that wait for an attempt, a retry as a rule: at present, whatever the span of time. While very many wait in
   * the whole system, the number is up to a few minutes old.
   * @example 12
   */
  @Schema({ type: 'integer', format: 'int64', minimum: 0 })
  pending: number;

  /**
   * Always 0: a delivery whose attempt is under way is pending, or not counted yet.
   * @example 0
   */
  @Schema({ type: 'integer', format: 'int64', minimum: 0 })
  sending: number;

  /**
   * Always 0: deliveries cannot be canceled.
   * @example 0
   */
  @Schema({ type: 'integer', format: 'int64', minimum: 0 })
  canceled: number;
}
