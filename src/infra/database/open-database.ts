import { resolve } from 'node:path';
import { type Config, withConfig } from '@/infra/config/config';
import { type Logger } from '@/infra/observability/logger';
import { findCluster } from './embedded/cluster';
import { startEmbeddedPostgres } from './embedded/embedded-postgres';
import { type InstanceLock, takeInstanceLock } from './instance-lock';
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
  const { url, stop, description } = await provide(config, log);
  let lock: InstanceLock | undefined;
  try {
    lock = await takeInstanceLock(url, options.onLost);
    const executed = await runMigrations(url);
    if (executed.length > 0) {
      log.info({ migrations: executed }, `database brought up to date by ${executed.length} migration(s)`);
    }
  } catch (error) {
    await lock?.release();
    await stop();
    throw error;
  }
  const held = lock;
  return {
    config: withConfig(config, { databaseUrl: url }),
    description,
    close: async () => {
      await held.release();
      await stop();
    },
  };
}

async function provide(
  config: Config,
  log: Logger,
): Promise<{ url: string; description: string; stop: () => Promise<void> }> {
  if (config.databaseUrl !== undefined) {
    const shown = new URL(config.databaseUrl);
    return {
      url: config.databaseUrl,
      description: `PostgreSQL at ${shown.host}${shown.pathname}`,
      stop: async () => undefined,
    };
  }
  const postgres = await startEmbeddedPostgres({
    dataDir: resolve(config.dataDir),
    log: (line) => log.info({}, line),
  });
  const cluster = await findCluster(resolve(config.dataDir));
  return {
    url: postgres.connectionUrl,
    description: `embedded PostgreSQL, data in ${cluster?.dir ?? resolve(config.dataDir)}`,
    stop: () => postgres.stop(),
  };
}
