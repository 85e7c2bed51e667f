import { resolve } from 'node:path';
import { type Config, withConfig } from '@/infra/config/config';
import { type Logger } from '@/infra/observability/logger';
import { checkConnectionBudget } from './connection-budget';
import { startEmbeddedPostgres } from './embedded/embedded-postgres';
import { assertNotHeld, type InstanceLock, keepInstanceLock, takeInstanceLock } from './instance-lock';
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
  return { config, description: describe(url), close: async () => undefined };
}

function describe(url: string): string {
  const { host, pathname } = new URL(url);
  return `PostgreSQL at ${host}${pathname}`;
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
  return { config, description: describe(url), close: () => lock.release() };
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
      log.info({ migrations: executed.join(', ') }, `database brought up to date by ${executed.length} migration(s)`);
    }
  } catch (error) {
    await close();
    throw error;
  }
}
