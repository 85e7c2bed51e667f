import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '@/common/clock';
import { Metrics } from '@/infra/observability/metrics';
import { RollupRepository, type RollupStep } from './rollup.repository';

const SECOND_MS = 1_000;
const DAY_MS = 24 * 3_600 * SECOND_MS;
/** Attempts are counted by the time at which they began; after this long nearly all are over and recorded. */
const SETTLED_AFTER_MS = 60 * SECOND_MS;
/** A run begins nothing new after this long: what is left is for the next one. */
const RUN_MS = 20 * SECOND_MS;
/** Counts are kept for this long, far longer than attempts. */
const KEEP_MS = 400 * DAY_MS;
const MAX_DELETE_BATCHES = 50;

/** The process stops; what was begun is rolled back. */
class StoppedError extends Error {}

/** Adds up the attempts of each endpoint and hour, so that nobody has to count them. Any number of processes may do it. */
@Injectable()
export class Rollup implements OnModuleDestroy {
  private isStopped = false;
  private countedToMs: number;

  constructor(
    private readonly repository: RollupRepository,
    private readonly clock: Clock,
    metrics: Metrics,
  ) {
    this.countedToMs = clock.now();
    metrics.gauge(
      'posthorn_statistics_lag_seconds',
      'Age of the youngest attempts that are in the statistics by hour.',
      () => (clock.now() - this.countedToMs) / SECOND_MS,
      'min',
    );
  }

  onModuleDestroy(): void {
    this.isStopped = true;
  }

  /**
   * Counts what is new, oldest first, then anew the hours that are due for it. Stops after a while, also in the middle of a
   * long absence; the next run goes on.
   */
  async run(): Promise<void> {
    const untilMs = this.clock.now() + RUN_MS;
    await this.repeat(untilMs, (nowMs, check) => this.repository.countNext(nowMs - SETTLED_AFTER_MS, nowMs, check));
    await this.repeat(untilMs, (nowMs, check) => this.repository.recountNext(nowMs, check));
    await this.repository.countPending();
  }

  /** Deletes counts that are too old, a bounded number of them. */
  async deleteOld(): Promise<void> {
    for (let batch = 0; batch < MAX_DELETE_BATCHES && !this.isStopped; batch++) {
      if (!(await this.repository.deleteBefore(this.clock.now() - KEEP_MS))) {
        return;
      }
    }
  }

  private async repeat(
    untilMs: number,
    work: (nowMs: number, check: () => void) => Promise<RollupStep>,
  ): Promise<void> {
    const check = (): void => {
      if (this.isStopped) {
        throw new StoppedError();
      }
    };
    try {
      for (let hasMore = true; hasMore && this.clock.now() < untilMs;) {
        const step = await work(this.clock.now(), check);
        this.countedToMs = step.countedToMs ?? this.countedToMs;
        hasMore = step.hasMore;
      }
    } catch (error) {
      if (!(error instanceof StoppedError)) {
        throw error;
      }
    }
  }
}
