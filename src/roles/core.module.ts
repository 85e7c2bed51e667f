import { type DynamicModule, Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type Logger as PinoLogger } from 'pino';
import { Clock, SystemClock } from '@/common/clock';
import { DISPATCH_QUEUE } from '@/features/messages/dispatch.queue';
import { CacheBus, LocalCacheBus } from '@/infra/cache/cache-bus';
import { RedisCacheBus } from '@/infra/cache/redis-cache-bus';
import { SnapshotCaches } from '@/infra/cache/snapshot-caches';
import { Config } from '@/infra/config/config';
import { SecretBox } from '@/infra/crypto/secret-box';
import { dataSourceOptions } from '@/infra/database/data-source-options';
import { Lifecycle } from '@/infra/lifecycle/lifecycle';
import { DatabaseHold } from '@/infra/database/database-hold';
import { DatabaseProbe } from '@/infra/database/database-probe';
import { PartitionKeeper } from '@/infra/database/partition-keeper';
import { Logger } from '@/infra/observability/logger';
import { Metrics } from '@/infra/observability/metrics';
import { QueueModule } from '@/infra/queue/queue.module';

/** What every role needs, and the one place that picks drivers. */
@Global()
@Module({})
export class CoreModule {
  static register(config: Config, logger: PinoLogger, hold: DatabaseHold): DynamicModule {
    const providers = [
      { provide: Config, useValue: config },
      { provide: Logger, useValue: logger },
      { provide: DatabaseHold, useValue: hold },
      { provide: Clock, useClass: SystemClock },
      Metrics,
      SecretBox,
      Lifecycle,
      SnapshotCaches,
      { provide: CacheBus, useClass: config.redisUrl.length === 0 ? LocalCacheBus : RedisCacheBus },
      DatabaseProbe,
      PartitionKeeper,
    ];
    return {
      module: CoreModule,
      imports: [
        QueueModule.register(config, [DISPATCH_QUEUE.name]),
        TypeOrmModule.forRoot({
          ...dataSourceOptions(
            config.databaseUrl ?? '',
            config.databasePoolSize,
            config.databasePooler !== 'none',
            hold,
          ),
          autoLoadEntities: true,
          retryAttempts: 0,
        }),
      ],
      providers,
      exports: providers,
    };
  }
}
