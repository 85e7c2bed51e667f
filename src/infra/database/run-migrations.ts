import { setTimeout as sleep } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import { DataSource, type QueryRunner } from 'typeorm';
import { dataSourceOptions } from './data-source-options';
import { MIGRATIONS } from './migrations';
import { ensurePartitions, partitionNamesAt } from './partitions';

/** Key of the advisory lock that lets one process migrate while the others wait. */
const MIGRATION_LOCK = 7_054_961_001;
const LOCK_PAUSE_MS = 100;
const UNDEFINED_TABLE = '42P01';

const OLDEST_VERSION = 15;

/** The PostgreSQL server is too old. */
export class UnsupportedDatabaseError extends Error {
  override readonly name = 'UnsupportedDatabaseError';
}

/** Brings a database up to date and returns the names of the migrations that ran. Safe from many processes at once. */
export async function runMigrations(databaseUrl: string): Promise<string[]> {
  if (await isUpToDate(databaseUrl)) {
    return [];
  }
  const dataSource = new DataSource({ ...dataSourceOptions(databaseUrl, 2, true), extra: {} });
  await dataSource.initialize();
  try {
    await assertSupported(dataSource);
    const lock = dataSource.createQueryRunner();
    try {
      await beginLocked(lock);
      const executed = await dataSource.runMigrations({ transaction: 'each' });
      await ensurePartitions(dataSource, Date.now());
      await lock.commitTransaction();
      return executed.map((migration) => migration.name);
    } finally {
      await lock.release();
    }
  } finally {
    await dataSource.destroy();
  }
}

/**
 * Begins the transaction that holds the lock; one of a session would get lost behind a transaction pooler. Whoever waits
 * keeps no transaction open: behind a small pool they would leave no connection to the one that migrates.
 */
async function beginLocked(runner: QueryRunner): Promise<void> {
  for (;;) {
    await runner.startTransaction();
    const [row] = await runner.manager.query<{ taken: boolean }[]>('SELECT pg_try_advisory_xact_lock($1) AS taken', [
      MIGRATION_LOCK,
    ]);
    if (row?.taken === true) {
      return;
    }
    await runner.rollbackTransaction();
    await sleep(LOCK_PAUSE_MS);
  }
}

async function assertSupported(dataSource: DataSource): Promise<void> {
  const [row] = await dataSource.query<{ server_version_num: string }[]>('SHOW server_version_num');
  if (Number(row?.server_version_num) < OLDEST_VERSION * 10_000) {
    throw new UnsupportedDatabaseError(
      `DATABASE_URL: PostgreSQL ${OLDEST_VERSION} or newer is needed, this one is ${Math.floor(Number(row?.server_version_num) / 10_000)}.`,
    );
  }
}

/** Most starts find nothing to do: they shall learn it by one query. */
async function isUpToDate(databaseUrl: string): Promise<boolean> {
  const migrations = MIGRATIONS.map((migration) => migration.name);
  const partitions = partitionNamesAt(Date.now());
  const client = new Client({ connectionString: databaseUrl, application_name: 'posthorn' });
  client.on('error', () => undefined); // a broken connection also fails the query that waits on it
  try {
    await client.connect();
    const { rows } = await client.query<{ missing: boolean }>(
      `SELECT EXISTS (SELECT unnest($1::text[]) EXCEPT SELECT name FROM schema_migration)
           OR EXISTS (SELECT unnest($2::text[]) EXCEPT SELECT relname::text FROM pg_class) AS missing`,
      [migrations, partitions],
    );
    return rows[0]?.missing === false;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === UNDEFINED_TABLE) {
      return false;
    }
    throw error;
  } finally {
    await client.end();
  }
}
