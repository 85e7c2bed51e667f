import { resolve } from 'node:path';
import { type Config, ConfigError, withConfig } from '@/infra/config/config';
import { type Logger } from '@/infra/observability/logger';
import { checkConnectionBudget, isRefusedSetting } from './connection-budget';
import { DatabaseHold } from './database-hold';
import { startEmbeddedPostgres } from './embedded/embedded-postgres';
import { assertNotHeld, type InstanceLock, keepInstanceLock, PooledSessionError } from './instance-lock';
import { runMigrations } from './run-migrations';

/** A database that is up to date and held by this process. */
export interface OpenDatabase {
  /** The settings with `databaseUrl` set, also in embedded mode. */
  config: Config;
  /** Lost while another process may take the database over. */
  hold: DatabaseHold;
  /** For people: which database, without its password. */
  description: string;
  /** Lets go of the database; stops an embedded one. */
  close(): Promise<void>;
}

/** What has to be said of a pooler between one process and its database. */
const NEEDS_SESSIONS =
  'without REDIS_URL this process holds its database by a lock of a session, and a pooler in transaction mode keeps no ' +
  'sessions. Let DATABASE_URL lead to PostgreSQL itself, or set REDIS_URL.';

/**
 * Postgres for `config`: starts the embedded one when no DATABASE_URL is given. Migrations have run when it returns.
 * `onLost` is called when another process has taken the database over; until then a broken connection heals itself.
 */
export async function openDatabase(
  config: Config,
  log: Logger,
  options: { onLost: (error: Error) => void },
): Promise<OpenDatabase> {
  if (config.databaseUrl === undefined) {
    return openEmbedded(config, log, options.onLost);
  }
  return config.redisUrl.length > 0
    ? openShared(config, config.databaseUrl, log)
    : openOwn(config, config.databaseUrl, log, options.onLost);
}

/** A database that many processes share. Nobody holds it, but a process that is alone with it must not be there. */
async function openShared(config: Config, url: string, log: Logger): Promise<OpenDatabase> {
  await assertNotHeld(url);
  await checkConnectionBudget(config, 1, log);
  await migrate(url, log, async () => undefined);
  return { config, hold: new DatabaseHold(), description: describe(url), close: async () => undefined };
}

function describe(url: string): string {
  const { host, pathname } = new URL(url);
  return `PostgreSQL at ${host}${pathname}`;
}

/** A database that the operator runs, held by this process alone. */
async function openOwn(
  config: Config,
  url: string,
  log: Logger,
  onLost: (error: Error) => void,
): Promise<OpenDatabase> {
  if (config.databasePooler !== 'none') {
    throw new ConfigError(`DATABASE_POOLER: ${NEEDS_SESSIONS}`);
  }
  const hold = new DatabaseHold();
  const lock = await holdDatabase(url, hold, log, onLost);
  await migrate(url, log, () => lock.release());
  return { config, hold, description: describe(url), close: () => lock.release() };
}

/**
 * The database in the data folder. Its server is ours to look after: one that dies is started again in place, and until
 * then the program answers as it does whenever the database is away. Meanwhile the lock of the folder keeps others out.
 */
async function openEmbedded(config: Config, log: Logger, onLost: (error: Error) => void): Promise<OpenDatabase> {
  const dataDir = resolve(config.dataDir);
  const postgres = await startEmbeddedPostgres({ dataDir, log: (line) => log.info({}, line) });
  const url = postgres.connectionUrl;
  const hold = new DatabaseHold();
  let lock: InstanceLock;
  try {
    lock = await holdDatabase(url, hold, log, onLost, () => postgres.revive());
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
    hold,
    description: `embedded PostgreSQL, data in ${postgres.clusterDir}`,
    close,
  };
}

/** Holds the database until another process has it. While the connection is broken the program works on nothing. */
async function holdDatabase(
  url: string,
  hold: DatabaseHold,
  log: Logger,
  onLost: (error: Error) => void,
  beforeRetake?: () => Promise<void>,
): Promise<InstanceLock> {
  try {
    return await keepInstanceLock(url, {
      hold,
      onBroken: (error) =>
        log.warn({ err: error }, 'the connection that holds the database broke: no work is done until it is back'),
      beforeRetake,
      onRetaken: () => log.warn({}, 'the database is held again: work goes on'),
      onLost,
    });
  } catch (error) {
    throw error instanceof PooledSessionError || isRefusedSetting(error)
      ? new ConfigError(`DATABASE_URL: ${NEEDS_SESSIONS}`, { cause: error })
      : error;
  }
}

async function migrate(url: string, log: Logger, close: () => Promise<void>): Promise<void> {
  try {
    const executed = await runMigrations(url);
    if (executed.length > 0) {
      log.info({ migrations: executed.join(', ') }, `database brought up to date by ${executed.length} migration(s)`);
    }
  } catch (error) {
    await close();
    throw error;
  }
}
