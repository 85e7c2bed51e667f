import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '@/common/clock';
import { DeliveriesModule } from '@/features/deliveries/deliveries.module';
import { StrandedDispatches } from '@/features/deliveries/stranded-dispatches';
import { dropExpiredKeys, ensurePartitions } from '@/infra/database/partitions';
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
      inject: [Logger, Clock, DataSource, StrandedDispatches],
      useFactory: (log: Logger, clock: Clock, dataSource: DataSource, stranded: StrandedDispatches) =>
        new PeriodicTasks(
          [
            { name: 'stranded dispatches', everyMs: 2 * SECOND_MS, run: () => stranded.handOver() },
            { name: 'partitions ahead', everyMs: HOUR_MS, run: () => ensurePartitions(dataSource, clock.now()) },
            { name: 'expired idempotency keys', everyMs: HOUR_MS, run: () => dropExpiredKeys(dataSource, clock.now()) },
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
