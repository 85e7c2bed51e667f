import { HttpException, Injectable } from '@nestjs/common';
import { HealthCheckService, type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { DISPATCH_QUEUE } from '@/features/messages/dispatch.queue';
import { DatabaseProbe } from '@/infra/database/database-probe';
import { Lifecycle } from '@/infra/lifecycle/lifecycle';
import { JobQueue } from '@/infra/queue/job-queue';

const TIMEOUT_MS = 2_000;

/** How the process is, part by part. */
export interface HealthReport {
  isReady: boolean;
  /** `ok`; `degraded` when it works, but not as it should; `error`; `shutting_down`. */
  status: string;
  details: HealthIndicatorResult;
}

/** What the process needs to do its work, each looked at when somebody asks. */
@Injectable()
export class HealthService {
  constructor(
    private readonly terminus: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly probe: DatabaseProbe,
    private readonly queue: JobQueue,
    private readonly lifecycle: Lifecycle,
  ) {}

  /** Looks at everything; never rejects. */
  async report(): Promise<HealthReport> {
    try {
      const { details } = await this.terminus.check([() => this.database()]);
      return this.summarize({ ...details, ...(await this.jobs()) });
    } catch (error) {
      // Terminus throws its report when something is down.
      const { status, details } = (error instanceof HttpException ? error.getResponse() : {}) as Partial<HealthReport>;
      return { isReady: false, status: status ?? 'error', details: details ?? {} };
    }
  }

  /** A queue that is away makes deliveries slower, not impossible: the process stays ready. */
  private summarize(details: HealthIndicatorResult): HealthReport {
    if (this.lifecycle.isDraining) {
      return { isReady: false, status: 'shutting_down', details };
    }
    return { isReady: true, status: details['queue']?.status === 'up' ? 'ok' : 'degraded', details };
  }

  /** Up when Postgres answers within two seconds. */
  private async database(): Promise<HealthIndicatorResult> {
    return this.indicators
      .check('database')
      .attempt(() => this.probe.ping())
      .withTimeout(TIMEOUT_MS);
  }

  /** Up when the queue answers within two seconds; says how many batches wait in it. */
  private async jobs(): Promise<HealthIndicatorResult> {
    return this.indicators
      .check('queue')
      .attempt(async () => ({ waiting: await this.queue.waiting(DISPATCH_QUEUE) }))
      .withTimeout(TIMEOUT_MS);
  }
}
