import { type DataSourceOptions } from 'typeorm';
import { type DatabaseHold, driverUnder } from './database-hold';
import { MIGRATIONS } from './migrations';
import { endSilentConnection } from './silent-connections';

const STATEMENT_MS = 30_000;
/** Longer than a statement may take. */
const SILENCE_MS = 40_000;

/**
 * How every part of the program talks to Postgres. `poolSize` is the most connections of this process; `isPooled` leaves
 * out what a transaction pooler such as PgBouncer does not take at the start of a connection. While `hold` is lost, every
 * query fails as if Postgres were away.
 */
export function dataSourceOptions(
  url: string,
  poolSize: number,
  isPooled = false,
  hold?: DatabaseHold,
): Extract<DataSourceOptions, { type: 'postgres' }> & { type: 'postgres' } {
  return {
    type: 'postgres',
    url,
    poolSize,
    ...(hold && { driver: driverUnder(hold) }),
    migrations: MIGRATIONS,
    migrationsTableName: 'schema_migration',
    synchronize: false,
    logging: false,
    applicationName: 'posthorn',
    connectTimeoutMS: 5_000,
    // No statement of Posthorn is meant to take longer; a runaway list must not hold a connection for ever.
    extra: {
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      onConnect: endSilentConnection(SILENCE_MS),
      ...(isPooled ? {} : { statement_timeout: STATEMENT_MS, idle_in_transaction_session_timeout: STATEMENT_MS }),
    },
  };
}
