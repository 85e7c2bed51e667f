import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { type Logger as PinoLogger } from 'pino';
import { type Config } from '@/infra/config/config';
import { DatabaseHold } from '@/infra/database/database-hold';
import { ApiRole } from './api.role';
import { CoreModule } from './core.module';
import { ProbesRole } from './probes.role';
import { SchedulerRole } from './scheduler.role';
import { WorkerRole } from './worker.role';

/** What a process does. `all` in one process is every role. */
export type Role = 'api' | 'worker' | 'scheduler';

export const ALL_ROLES: readonly Role[] = ['api', 'worker', 'scheduler'];

const MODULES: Record<Role, Type> = { api: ApiRole, worker: WorkerRole, scheduler: SchedulerRole };

/** The core and the chosen roles. */
@Module({})
export class AppModule {
  static register(
    config: Config,
    roles: readonly Role[],
    logger: PinoLogger,
    hold = new DatabaseHold(),
  ): DynamicModule {
    return {
      module: AppModule,
      imports: [CoreModule.register(config, logger, hold), ProbesRole, ...roles.map((role) => MODULES[role])],
    };
  }
}
