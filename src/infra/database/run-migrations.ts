import { DataSource } from 'typeorm';
import { dataSourceOptions } from './data-source-options';
import { ensurePartitions } from './partitions';

/** Key of the advisory lock that lets one process migrate while the others wait. */
const MIGRATION_LOCK = 7_054_961_001;

/** Brings a database up to date and returns the names of the migrations that ran. Safe from many processes at once. */
export async function runMigrations(databaseUrl: string): Promise<string[]> {
  const dataSource = new DataSource({ ...dataSourceOptions(databaseUrl, 2), extra: {} });
  await dataSource.initialize();
  try {
    const lock = dataSource.createQueryRunner();
    try {
      await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
      const executed = await dataSource.runMigrations({ transaction: 'each' });
      await ensurePartitions(dataSource, Date.now());
      await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      return executed.map((migration) => migration.name);
    } finally {
      await lock.release();
    }
  } finally {
    await dataSource.destroy();
  }
}
