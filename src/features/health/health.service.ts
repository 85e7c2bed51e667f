import { HttpException, Injectable } from '@nestjs/common';
import { HealthCheckService, type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { DISPATCH_QUEUE } from '@/features/messages/dispatch.queue';
import { DatabaseProbe } from '@/infra/database/database-probe';
import { JobQueue } from '@/infra/queue/job-queue';

const TIMEOUT_MS = 2_000;

/** How the process is, part by part. */
export interface HealthReport {
  isReady: boolean;
  /** `ok`, `error` or `shutting_down`. */
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
  ) {}

  /** Looks at everything; never rejects. */
  async report(): Promise<HealthReport> {
    try {
      const { status, details } = await this.terminus.check([() => this.database(), () => this.jobs()]);
      return { isReady: status === 'ok', status, details };
    } catch (error) {
      // Terminus throws its report when something is down.
      const { status, details } = (error instanceof HttpException ? error.getResponse() : {}) as Partial<HealthReport>;
      return { isReady: false, status: status ?? 'error', details: details ?? {} };
    }
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
