import { type DynamicModule, Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type Logger as PinoLogger } from 'pino';
import { Clock, SystemClock } from '@/common/clock';
import { Config } from '@/infra/config/config';
import { SecretBox } from '@/infra/crypto/secret-box';
import { dataSourceOptions } from '@/infra/database/data-source-options';
import { DatabaseProbe } from '@/infra/database/database-probe';
import { PartitionKeeper } from '@/infra/database/partition-keeper';
import { Logger } from '@/infra/observability/logger';
import { Metrics } from '@/infra/observability/metrics';
import { InProcessJobQueue } from '@/infra/queue/in-process-job-queue';
import { JobQueue } from '@/infra/queue/job-queue';

/** What every role needs, and the one place that picks drivers. */
@Global()
@Module({})
export class CoreModule {
  static register(config: Config, logger: PinoLogger): DynamicModule {
    const providers = [
      { provide: Config, useValue: config },
      { provide: Logger, useValue: logger },
      { provide: Clock, useClass: SystemClock },
      { provide: JobQueue, useClass: InProcessJobQueue },
      Metrics,
      SecretBox,
      DatabaseProbe,
      PartitionKeeper,
    ];
    return {
      module: CoreModule,
      imports: [
        TypeOrmModule.forRoot({
          ...dataSourceOptions(config.databaseUrl ?? '', config.databasePoolSize),
          autoLoadEntities: true,
          retryAttempts: 0,
        }),
      ],
      providers,
      exports: providers,
    };
  }
}
