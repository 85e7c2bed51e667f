import { type DispatchMessage } from '@/features/messages/messages.types';
import { type DeliveryEndpoint } from '@/features/endpoints/endpoints.types';

/** What has to reach its goal: one message to one endpoint. */
export interface Delivery {
  message: DispatchMessage;
  endpoint: DeliveryEndpoint;
  /** 0 for the first automatic attempt. */
  attemptNumber: number;
  /** True for a resend that somebody asked for: one attempt, no retries. */
  isManual: boolean;
}

/** What one HTTP request came to. A customer's endpoint that answers 500 is not an error of ours but this value. */
export interface AttemptOutcome {
  id: string;
  isSuccess: boolean;
  /** 0 when there was no answer. */
  statusCode: number;
  /** The first bytes of the answer, or why there was none. */
  response: Buffer;
  durationMs: number;
  /** `success`, `http_error`, or the reason of the failure: the label of the metric. */
  label: string;
  /** What the endpoint asked for by `Retry-After`, bounded. */
  retryAfterMs?: number;
  finishedAtMs: number;
}

/** Key of a row of `pending_delivery`. */
export interface PendingKey {
  messageId: string;
  endpointId: string;
  isManual: boolean;
}

/** A delivery that is not finished, as its row says. */
export interface PendingDelivery extends PendingKey {
  appId: string;
  /** Number of the attempt that comes next. */
  attemptNumber: number;
}

/** When the next attempt of a delivery is due. */
export interface NextAttempt {
  dueAtMs: number;
  attemptNumber: number;
}
