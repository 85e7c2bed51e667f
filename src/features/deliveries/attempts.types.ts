/** What attempts and attempted messages are filtered by. */
export interface AttemptFilter {
  /** 0 success, 1 pending, 2 fail, 3 sending. */
  status?: 0 | 1 | 2 | 3;
  /** 0, 100, ... 500. */
  statusCodeClass?: number;
  endpointId?: string;
  channel?: string;
  tag?: string;
  eventTypes?: string[];
  before?: Date;
  after?: Date;
}

/** What came of a message at an endpoint. */
export interface DeliveryState {
  isSuccess: boolean;
  /** When the next attempt is due, or the one under way is given up for lost; null when the delivery is finished. */
  dueAt: Date | null;
  /** True while an attempt is under way. */
  isClaimed: boolean;
}
