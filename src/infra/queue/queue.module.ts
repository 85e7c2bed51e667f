import { BullModule } from '@nestjs/bull';
import { type DynamicModule, Module } from '@nestjs/common';
import { type Config } from '@/infra/config/config';
import { createRedis, redisKeyPrefix } from '@/infra/redis/redis-clients';
import { BullConnections, BullJobQueue } from './bull-job-queue';
import { InProcessJobQueue } from './in-process-job-queue';
import { JobQueue } from './job-queue';

/** A worker that dies holds its jobs for as long as this; its deliveries then go on elsewhere. */
const LOCK_MS = 10_000;
/** Jobs that a worker took and never began are found in two of these. */
const STALLED_CHECK_MS = 2_000;

/** The queue of this mode: Bull when there is a Redis, else in this process. */
@Module({})
export class QueueModule {
  /** `timing` is for tests, which cannot wait for a lock that long. */
  static register(
    config: Config,
    queueNames: readonly string[],
    timing = { lockMs: LOCK_MS, stalledCheckMs: STALLED_CHECK_MS },
  ): DynamicModule {
    if (config.redisUrl.length === 0) {
      const driver = { provide: JobQueue, useClass: InProcessJobQueue };
      return { module: QueueModule, global: true, providers: [driver], exports: [JobQueue] };
    }
    const connections = new BullConnections(queueNames);
    return {
      module: QueueModule,
      global: true,
      imports: [
        BullModule.forRoot({
          prefix: redisKeyPrefix(config),
          createClient: (type) => {
            const client = createRedis(config, type === 'client' ? 'commands' : 'blocking');
            connections.clients.push(client);
            return client;
          },
          settings: {
            lockDuration: timing.lockMs,
            stalledInterval: timing.stalledCheckMs,
            // A job may be taken up again as often as it takes: the database says what of it is left to do.
            maxStalledCount: 1_000,
            retryProcessDelay: 500,
            drainDelay: 1,
          },
        }),
        ...queueNames.map((name) => BullModule.registerQueue({ name })),
      ],
      providers: [
        { provide: BullConnections, useValue: connections },
        BullJobQueue,
        { provide: JobQueue, useExisting: BullJobQueue },
      ],
      exports: [JobQueue],
    };
  }
}
