import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Clock } from '@/common/clock';
import { dropExpiredKeys, ensurePartitions } from './partitions';

/** Keeps the partitioned tables in order; doing it twice, or in two processes at once, does no harm. */
@Injectable()
export class PartitionKeeper {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Makes the partitions of the days to come. */
  prepare(): Promise<void> {
    return ensurePartitions(this.dataSource, this.clock.now());
  }

  /** Drops idempotency keys that have expired. */
  dropExpiredKeys(): Promise<void> {
    return dropExpiredKeys(this.dataSource, this.clock.now());
  }
}
