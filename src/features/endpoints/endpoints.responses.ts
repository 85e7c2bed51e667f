import { type Page } from '@/common/page';
import { type Endpoint } from './endpoint.entity';

/** An endpoint. */
export class EndpointOut {
  /** @example ep_2mXLPKqXdU5bY8rVvY6jvBEuCbD */
  id: string;

  /**
   * Your own id of this endpoint; null when it has none.
   * @example endpoint-1
   */
  uid: string | null;

  /** @example https://example.com/webhook/ */
  url: string;

  /** @example Production */
  description: string;

  /** Most deliveries a second; null is unlimited. */
  throttleRate: number | null;

  /** Older name of `throttleRate`. */
  rateLimit: number | null;

  /** True when it gets nothing: by choice, or because it failed for too long. */
  disabled: boolean;

  /**
   * Event types that it takes; null takes all.
   * @example ["user.signup"]
   */
  eventTypes: string[] | null;

  /** Older name of `eventTypes`. */
  filterTypes: string[] | null;

  /**
   * Channels that it takes; null takes every message.
   * @example ["project_123"]
   */
  channels: string[] | null;

  /** @example { "team": "billing" } */
  metadata: Record<string, string>;

  /** Always 1; clients of earlier generations need it. */
  version: number;

  createdAt: Date;

  updatedAt: Date;
}

/** One page of endpoints. */
export class EndpointPage implements Page<EndpointOut> {
  data: EndpointOut[];

  /** Key of the last item: pass it as `iterator` to get the next page. */
  iterator: string | null;

  /** Pass it as `iterator` to go back. */
  prevIterator?: string;

  /** True when there is no further page. */
  done: boolean;
}

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
