import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { type Logger as PinoLogger } from 'pino';
import { type Config } from '@/infra/config/config';
import { ApiRole } from './api.role';
import { CoreModule } from './core.module';

/** What a process does. `all` in one process is every role. */
export type Role = 'api' | 'worker' | 'scheduler';

export const ALL_ROLES: readonly Role[] = ['api', 'worker', 'scheduler'];

const MODULES: Partial<Record<Role, Type>> = { api: ApiRole };

/** The core and the chosen roles. */
@Module({})
export class AppModule {
  static register(config: Config, roles: readonly Role[], logger: PinoLogger): DynamicModule {
    const chosen = roles.map((role) => MODULES[role]).filter((type) => type !== undefined);
    return { module: AppModule, imports: [CoreModule.register(config, logger), ...chosen] };
  }
}
