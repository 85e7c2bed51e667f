import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { EndpointsService } from '@/features/endpoints/endpoints.service';
import { type DeliveryEndpoint } from '@/features/endpoints/endpoints.types';
import { Config } from '@/infra/config/config';
import { Logger } from '@/infra/observability/logger';
import { Metrics } from '@/infra/observability/metrics';
import { type AttemptOutcome } from './deliveries.types';
import { GONE } from './next-attempt';

const HOUR_MS = 3600 * 1000;
/** Changes of state are gathered for this long; an endpoint changes it rarely, but thousands of outcomes say it. */
const GATHER_MS = 200;

/**
 * Follows whether endpoints fail. Since when one fails is kept in Postgres, a success clears it, and one that fails for
 * too long is disabled. Outcomes that change nothing cost nothing.
 */
@Injectable()
export class EndpointHealth implements BeforeApplicationShutdown {
  private readonly failing = new Set<string>();
  private readonly recovered = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly endpoints: EndpointsService,
    private readonly config: Config,
    private readonly log: Logger,
    private readonly metrics: Metrics,
  ) {}

  observe(endpoint: DeliveryEndpoint, outcome: AttemptOutcome): void {
    if (outcome.isSuccess) {
      this.failing.delete(endpoint.id);
      if (endpoint.failingSinceMs !== null) {
        this.note(this.recovered, endpoint.id);
      }
      return;
    }
    this.recovered.delete(endpoint.id);
    if (outcome.statusCode === GONE) {
      this.start(() => this.disableGone(endpoint));
    } else if (endpoint.failingSinceMs === null) {
      this.note(this.failing, endpoint.id);
    } else if (this.isPastLimit(endpoint.failingSinceMs, outcome.finishedAtMs)) {
      this.start(() => this.disableFailing(endpoint, outcome.finishedAtMs));
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearTimeout(this.timer);
    this.flush();
    await this.running;
  }

  private isPastLimit(sinceMs: number, nowMs: number): boolean {
    const limitMs = this.config.endpointDisableAfterHours * HOUR_MS;
    return limitMs > 0 && nowMs - sinceMs >= limitMs;
  }

  private note(set: Set<string>, endpointId: string): void {
    set.add(endpointId);
    this.timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  private flush(): void {
    this.timer = undefined;
    const failing = [...this.failing];
    const recovered = [...this.recovered];
    this.failing.clear();
    this.recovered.clear();
    if (failing.length > 0) {
      this.start(() => this.endpoints.noteFailing(failing, new Date()));
    }
    if (recovered.length > 0) {
      this.start(() => this.endpoints.noteRecovered(recovered));
    }
  }

  /** One after the other, so that they happen in the order in which they were observed. */
  private start(action: () => Promise<void>): void {
    this.running = this.running
      .then(action)
      .catch((error: unknown) =>
        this.log.warn({ err: error }, 'the state of an endpoint could not be written; the next outcome does it'),
      );
  }

  private async disableGone(endpoint: DeliveryEndpoint): Promise<void> {
    if (await this.endpoints.disableGone(endpoint.id)) {
      this.metrics.endpointsDisabled.inc();
      this.log.info({ endpoint: endpoint.id, app: endpoint.appId }, 'endpoint disabled: it answered 410 Gone');
    }
  }

  private async disableFailing(endpoint: DeliveryEndpoint, nowMs: number): Promise<void> {
    const before = new Date(nowMs - this.config.endpointDisableAfterHours * HOUR_MS);
    if (await this.endpoints.disableFailing(endpoint.id, before)) {
      this.metrics.endpointsDisabled.inc();
      this.log.info(
        { endpoint: endpoint.id, app: endpoint.appId },
        'endpoint disabled: all attempts have failed for too long',
      );
    }
  }
}
