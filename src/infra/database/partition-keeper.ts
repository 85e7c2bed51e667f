import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Clock } from '@/common/clock';
import { Logger } from '@/infra/observability/logger';
import { dropExpiredKeys, ensurePartitions } from './partitions';

/** Keeps the partitioned tables in order; doing it twice, or in two processes at once, does no harm. */
@Injectable()
export class PartitionKeeper {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /** Makes the partitions of the days to come. */
  async prepare(): Promise<void> {
    const missed = await ensurePartitions(this.dataSource, this.clock.now());
    if (missed.length > 0) {
      this.log.warn({ partitions: missed }, 'rows of these days are in the default partition and stay there');
    }
  }

  /** Drops idempotency keys that have expired. */
  dropExpiredKeys(): Promise<void> {
    return dropExpiredKeys(this.dataSource, this.clock.now());
  }
}
