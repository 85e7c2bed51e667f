import { resolve } from 'node:path';
import { type Config, withConfig } from '@/infra/config/config';
import { type Logger } from '@/infra/observability/logger';
import { startEmbeddedPostgres } from './embedded/embedded-postgres';
import { type InstanceLock, keepInstanceLock, takeInstanceLock } from './instance-lock';
import { runMigrations } from './run-migrations';

/** A database that is up to date and held by this process. */
export interface OpenDatabase {
  /** The settings with `databaseUrl` set, also in embedded mode. */
  config: Config;
  /** For people: which database, without its password. */
  description: string;
  /** Lets go of the database; stops an embedded one. */
  close(): Promise<void>;
}

/** Postgres for `config`: starts the embedded one when no DATABASE_URL is given. Migrations have run when it returns. */
export async function openDatabase(
  config: Config,
  log: Logger,
  options: { onLost: (error: Error) => void },
): Promise<OpenDatabase> {
  return config.databaseUrl === undefined
    ? openEmbedded(config, log, options.onLost)
    : openOwn(config, config.databaseUrl, log, options.onLost);
}

/** A database that the operator runs: when the hold on it is lost, another process may have it. */
async function openOwn(
  config: Config,
  url: string,
  log: Logger,
  onLost: (error: Error) => void,
): Promise<OpenDatabase> {
  const lock = await takeInstanceLock(url, onLost);
  await migrate(url, log, () => lock.release());
  const shown = new URL(url);
  return { config, description: `PostgreSQL at ${shown.host}${shown.pathname}`, close: () => lock.release() };
}

/**
 * The database in the data folder. Its server is ours to look after: one that dies is started again in place, and until
 * then the program answers as it does whenever the database is away. Meanwhile the lock of the folder keeps others out.
 */
async function openEmbedded(config: Config, log: Logger, onLost: (error: Error) => void): Promise<OpenDatabase> {
  const dataDir = resolve(config.dataDir);
  const postgres = await startEmbeddedPostgres({ dataDir, log: (line) => log.info({}, line) });
  const url = postgres.connectionUrl;
  let lock: InstanceLock;
  try {
    lock = await keepInstanceLock(url, {
      onBroken: (error) =>
        log.warn({ err: error }, 'the embedded PostgreSQL broke its connection; it is started again if it has ended'),
      beforeRetake: () => postgres.revive(),
      onRetaken: () => log.warn({}, 'the embedded PostgreSQL works again'),
      onLost,
    });
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  const close = async (): Promise<void> => {
    await lock.release();
    await postgres.stop();
  };
  await migrate(url, log, close);
  return {
    config: withConfig(config, { databaseUrl: url }),
    description: `embedded PostgreSQL, data in ${postgres.clusterDir}`,
    close,
  };
}

async function migrate(url: string, log: Logger, close: () => Promise<void>): Promise<void> {
  try {
    const executed = await runMigrations(url);
    if (executed.length > 0) {
      log.info({ migrations: executed }, `database brought up to date by ${executed.length} migration(s)`);
    }
  } catch (error) {
    await close();
    throw error;
  }
}
