import { Injectable } from '@nestjs/common';
import { Clock } from '@/common/clock';
import { Config } from '@/infra/config/config';
import { DAY_MS, type DayPartition } from '@/infra/database/partitions';
import { Logger } from '@/infra/observability/logger';
import { Metrics } from '@/infra/observability/metrics';
import { RetentionRepository } from './retention.repository';
import { type Batch, type BatchRequest, OLD_ROWS } from './retention.types';

/** A run ends after this long, so that a stop never waits for it; the next one goes on. */
const MAX_RUN_MS = 5_000;
const ROWS_AT_ONCE = 2_000;
/** Fewer, because each may have hundreds of pieces. */
const PAYLOADS_AT_ONCE = 500;

/** True when the time of a run is over. */
type IsOver = () => boolean;

/**
 * Removes what is old, each method as a periodic task: a bounded piece of work, safe to do twice or in several processes at
 * once.
 */
@Injectable()
export class RetentionService {
  /** Where deleting goes on, by what is deleted. Each day begins anew, so that nothing is passed over for good. */
  private readonly positions = new Map<string, { day: number; from: string }>();

  constructor(
    private readonly repository: RetentionRepository,
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly log: Logger,
  ) {}

  /** Drops the days that are over for good, oldest first, and stops at one that has to stay for now. */
  dropOldPartitions(): Promise<void> {
    return this.run('partitions', async (isOver) => {
      const firstKept = await this.repository.firstKeptDay(this.config.messageRetentionDays);
      const due = (await this.repository.listPartitions()).filter(({ day }) => day < firstKept);
      this.metrics.retentionOverdue.set(due.length);
      for (const partition of due) {
        if (isOver() || !(await this.drop(partition))) {
          return;
        }
        this.metrics.retentionOverdue.dec();
      }
    });
  }

  /** Deletes the old rows that no partition takes along. */
  removeOldRows(): Promise<void> {
    return this.run('rows', async (isOver) => {
      const day = await this.firstDayLeft();
      for (const what of OLD_ROWS) {
        await this.inBatches(what, ROWS_AT_ONCE, isOver, (request) => this.repository.removeRows(what, day, request));
      }
    });
  }

  /** Removes content whose time is over long before that of its message. */
  removeExpiredPayloads(): Promise<void> {
    return this.run('payloads', (isOver) =>
      this.inBatches('payload', PAYLOADS_AT_ONCE, isOver, (request) => this.repository.removePayloads(request)),
    );
  }

  /** Deletes endpoint secrets that have expired. */
  removeExpiredSecrets(): Promise<void> {
    return this.run('secrets', (isOver) =>
      this.inBatches('secret', ROWS_AT_ONCE, isOver, (request) => this.repository.removeSecrets(request)),
    );
  }

  /** False when it has to stay, and all later ones with it. */
  private async drop(partition: DayPartition): Promise<boolean> {
    const { name, table } = partition;
    const result = await this.repository.dropPartition(partition);
    switch (result) {
      case 'gone':
        return true;
      case 'dropped':
        this.metrics.retentionRemoved.inc({ what: `${table}_partition` });
        this.log.info({ partition: name }, 'an old partition was dropped');
        return true;
      case 'busy':
        this.log.warn({ partition: name }, 'an old partition stays until the next run: its table is busy');
        return false;
      case 'kept':
        this.log.warn({ partition: name }, 'an old partition stays: a delivery of its time is not finished');
        return false;
    }
  }

  /** Rows of earlier days are outside of every partition, or belong to messages that are gone. */
  private async firstDayLeft(): Promise<number> {
    const firstKept = await this.repository.firstKeptDay(this.config.messageRetentionDays);
    const [oldest] = await this.repository.listPartitions();
    return Math.min(firstKept, oldest?.day ?? firstKept);
  }

  /** Removes until a batch is not full any more or the run is over. */
  private async inBatches(
    what: string,
    limit: number,
    isOver: IsOver,
    remove: (request: BatchRequest) => Promise<Batch>,
  ): Promise<void> {
    const day = Math.floor(this.clock.now() / DAY_MS);
    let found = limit;
    while (found === limit && !isOver()) {
      const position = this.positions.get(what);
      const batch = await remove({ from: position?.day === day ? position.from : undefined, limit });
      this.metrics.retentionRemoved.inc({ what }, batch.removed);
      if (batch.last !== undefined) {
        this.positions.set(what, { day, from: batch.last });
      }
      found = batch.found;
    }
  }

  private async run(task: string, work: (isOver: IsOver) => Promise<void>): Promise<void> {
    const endsAtMs = this.clock.now() + MAX_RUN_MS;
    await work(() => this.clock.now() >= endsAtMs);
    this.metrics.retentionLastSuccess.set({ task }, this.clock.now() / 1000);
  }
}
