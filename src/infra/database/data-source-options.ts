import { type DataSourceOptions } from 'typeorm';
import { MIGRATIONS } from './migrations';

/**
 * How every part of the program talks to Postgres. `poolSize` is the most connections of this process; `isPooled` leaves
 * out what a transaction pooler such as PgBouncer does not take at the start of a connection.
 */
export function dataSourceOptions(
  url: string,
  poolSize: number,
  isPooled = false,
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
    extra: {
      keepAlive: true,
      ...(isPooled ? {} : { statement_timeout: 30_000, idle_in_transaction_session_timeout: 30_000 }),
    },
  };
}
