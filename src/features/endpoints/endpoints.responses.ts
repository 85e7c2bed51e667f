import { Schema } from '@/infra/http/schema.decorator';
import { PageOf } from '@/infra/http/page-of';
import { type Endpoint } from './endpoint.entity';

/** An endpoint. */
export class EndpointOut {
  /**
   * Its id; sorts by the time of creation.
   * @example ep_2mXLPKqXdU5bY8rVvY6jvBEuCbD
   */
  id: string;

  /**
   * Your own id of this endpoint; null when it has none.
   * @example endpoint-1
   */
  uid: string | null;

  /**
   * Where webhooks are sent.
   * @example https://example.com/webhook/
   */
  @Schema({ format: 'uri' })
  url: string;

  /**
   * What it is for, for people.
   * @example Production
   */
  description: string;

  /**
   * Most deliveries a second; null is unlimited.
   * @example 50
   */
  @Schema({ type: 'integer' })
  throttleRate: number | null;

  /**
   * Older name of `throttleRate`.
   * @example 50
   */
  @Schema({ type: 'integer' })
  rateLimit: number | null;

  /**
   * True when it gets nothing: by choice, or because it failed for too long.
   * @example false
   */
  disabled: boolean;

  /**
   * Event types that it takes; null takes all.
   * @example ["user.signup"]
   */
  eventTypes: string[] | null;

  /**
   * Older name of `eventTypes`.
   * @example ["user.signup"]
   */
  filterTypes: string[] | null;

  /**
   * Channels that it takes; null takes every message.
   * @example ["project_123"]
   */
  channels: string[] | null;

  /**
   * Your own texts.
   * @example { "team": "billing" }
   */
  metadata: Record<string, string>;

  /**
   * Always 1; clients of earlier generations need it.
   * @example 1
   */
  @Schema({ type: 'integer' })
  version: number;

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

/** One page of endpoints. */
export class EndpointPage extends PageOf(EndpointOut, 'ep_2mXLPKqXdU5bY8rVvY6jvBEuCbD') {}

/** The endpoint as the API shows it. */
export function toEndpointOut(endpoint: Endpoint): EndpointOut {
  return {
    id: endpoint.id,
    uid: endpoint.uid,
    url: endpoint.url,
    description: endpoint.description,
    throttleRate: endpoint.throttleRate,
    rateLimit: endpoint.throttleRate,
    disabled: endpoint.isDisabled,
    eventTypes: endpoint.eventTypes,
    filterTypes: endpoint.eventTypes,
    channels: endpoint.channels,
    metadata: endpoint.metadata,
    version: 1,
    createdAt: endpoint.createdAt,
    updatedAt: endpoint.updatedAt,
  };
}
