import { Injectable } from '@nestjs/common';
import { Clock } from '@/common/clock';
import { type Access } from '@/features/auth/access.types';
import { EndpointsService } from '@/features/endpoints/endpoints.service';
import { InvalidRangeError } from './statistics.errors';
import { StatisticsRepository } from './statistics.repository';
import { type EndpointStatsQuery } from './statistics.requests';
import { type EndpointStats } from './statistics.responses';

const MINUTE_MS = 60_000;
const MAX_SPAN_MS = 28 * 24 * 60 * MINUTE_MS;
/** For callers whose clock is not ours. */
const SLACK_MS = 5 * MINUTE_MS;

/** What deliveries came to. */
@Injectable()
export class StatisticsService {
  constructor(
    private readonly endpoints: EndpointsService,
    private readonly repository: StatisticsRepository,
    private readonly clock: Clock,
  ) {}

  /** Counts of an endpoint from `since` (28 days before `until`) to `until` (now). Throws `InvalidRangeError`. */
  async ofEndpoint(access: Access, app: string, idOrUid: string, query: EndpointStatsQuery): Promise<EndpointStats> {
    const nowMs = this.clock.now();
    const untilMs = query.until?.getTime() ?? nowMs;
    const sinceMs = query.since?.getTime() ?? untilMs - MAX_SPAN_MS;
    if (untilMs > nowMs) {
      throw new InvalidRangeError('Query field until cannot be in the future.');
    }
    if (untilMs - sinceMs > MAX_SPAN_MS + SLACK_MS) {
      throw new InvalidRangeError('Query field since cannot be more than 28 days before until.');
    }
    const endpoint = await this.endpoints.resolve(access, app, idOrUid);
    const counts = await this.repository.countDeliveries(endpoint.id, sinceMs, untilMs);
    return { ...counts, sending: 0, canceled: 0 };
  }
}
