import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { DeliveriesModule } from '@/features/deliveries/deliveries.module';
import { StrandedDispatches } from '@/features/deliveries/stranded-dispatches';
import { RetentionModule } from '@/features/retention/retention.module';
import { RetentionService } from '@/features/retention/retention.service';
import { Rollup } from '@/features/statistics/rollup';
import { RollupModule } from '@/features/statistics/rollup.module';
import { PartitionKeeper } from '@/infra/database/partition-keeper';
import { Logger } from '@/infra/observability/logger';
import { PeriodicTasks } from '@/infra/scheduling/periodic-tasks';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 3_600 * SECOND_MS;

/** Finds work that nobody does and keeps the tables in order. Every periodic task and its interval is listed here. */
@Module({
  imports: [DeliveriesModule, RetentionModule, RollupModule],
  providers: [
    {
      provide: PeriodicTasks,
      inject: [Logger, PartitionKeeper, StrandedDispatches, RetentionService, Rollup],
      useFactory: (
        log: Logger,
        partitions: PartitionKeeper,
        stranded: StrandedDispatches,
        retention: RetentionService,
        rollup: Rollup,
      ) =>
        new PeriodicTasks(
          [
            { name: 'stranded dispatches', everyMs: 2 * SECOND_MS, run: () => stranded.handOver() },
            { name: 'partitions ahead', everyMs: HOUR_MS, run: () => partitions.prepare() },
            { name: 'expired idempotency keys', everyMs: HOUR_MS, run: () => partitions.dropExpiredKeys() },
            { name: 'old partitions', everyMs: 5 * MINUTE_MS, run: () => retention.dropOldPartitions() },
            { name: 'old rows', everyMs: 10 * SECOND_MS, run: () => retention.removeOldRows() },
            { name: 'expired payloads', everyMs: 10 * SECOND_MS, run: () => retention.removeExpiredPayloads() },
            { name: 'expired secrets', everyMs: HOUR_MS, run: () => retention.removeExpiredSecrets() },
            { name: 'statistics', everyMs: MINUTE_MS, run: () => rollup.run() },
            { name: 'old statistics', everyMs: HOUR_MS, run: () => rollup.deleteOld() },
          ],
          log,
        ),
    },
  ],
})
export class SchedulerRole implements OnApplicationBootstrap {
  constructor(private readonly tasks: PeriodicTasks) {}

  onApplicationBootstrap(): void {
    this.tasks.start();
  }
}
