import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { DeliveriesModule } from '@/features/deliveries/deliveries.module';
import { StrandedDispatches } from '@/features/deliveries/stranded-dispatches';
import { PartitionKeeper } from '@/infra/database/partition-keeper';
import { Logger } from '@/infra/observability/logger';
import { PeriodicTasks } from '@/infra/scheduling/periodic-tasks';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;

/** Finds work that nobody does and keeps the tables in order. Every periodic task and its interval is listed here. */
@Module({
  imports: [DeliveriesModule],
  providers: [
    {
      provide: PeriodicTasks,
      inject: [Logger, PartitionKeeper, StrandedDispatches],
      useFactory: (log: Logger, partitions: PartitionKeeper, stranded: StrandedDispatches) =>
        new PeriodicTasks(
          [
            { name: 'stranded dispatches', everyMs: 2 * SECOND_MS, run: () => stranded.handOver() },
            { name: 'partitions ahead', everyMs: HOUR_MS, run: () => partitions.prepare() },
            { name: 'expired idempotency keys', everyMs: HOUR_MS, run: () => partitions.dropExpiredKeys() },
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
