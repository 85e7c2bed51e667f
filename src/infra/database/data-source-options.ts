import { type DataSourceOptions } from 'typeorm';
import { MIGRATIONS } from './migrations';

/** How every part of the program talks to Postgres. `poolSize` is the most connections of this process. */
export function dataSourceOptions(
  url: string,
  poolSize: number,
): Extract<DataSourceOptions, { type: 'postgres' }> & { type: 'postgres' } {
  return {
    type: 'postgres',
    url,
    poolSize,
    migrations: MIGRATIONS,
    migrationsTableName: 'schema_migration',
    synchronize: false,
    logging: false,
    applicationName: 'posthorn',
    connectTimeoutMS: 5_000,
    // No statement of Posthorn is meant to take longer; a runaway list must not hold a connection for ever.
    extra: { statement_timeout: 30_000, idle_in_transaction_session_timeout: 30_000, keepAlive: true },
  };
}
