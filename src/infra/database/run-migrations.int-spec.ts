import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { startPgBouncer } from '../../../test/support/pgbouncer';
import { createEmptyDatabase, type TestDatabase } from '../../../test/support/test-database';
import { dataSourceOptions } from './data-source-options';
import { MIGRATIONS } from './migrations';
import { partitionNamesAt } from './partitions';
import { runMigrations } from './run-migrations';

describe('runMigrations', () => {
  let database: TestDatabase;
  let client: Client;

  beforeEach(async () => {
    database = await createEmptyDatabase();
    client = new Client({ connectionString: database.url });
    await client.connect();
  });

  afterEach(async () => {
    await client.end();
    await database.drop();
  });

  async function partitions(): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
      `SELECT relname::text AS name FROM pg_class WHERE relispartition AND relkind = 'r' AND relname NOT LIKE '%default'`,
    );
    return rows.map(({ name }) => name).sort();
  }

  it('brings an empty database up to date, with the partitions of the days ahead', async () => {
    expect(await runMigrations(database.url)).toEqual(MIGRATIONS.map((migration) => migration.name));
    expect(await partitions()).toEqual(partitionNamesAt(Date.now()).sort());
  });

  it('lets many that start at once do it once', async () => {
    const executed = await Promise.all(Array.from({ length: 4 }, () => runMigrations(database.url)));

    expect(executed.flat()).toEqual(MIGRATIONS.map((migration) => migration.name));
  });

  it('lets them do so through a pooler with fewer connections than they are', async () => {
    const pooler = await startPgBouncer(database.url, { poolSize: 2, settings: ['query_wait_timeout = 10'] });
    try {
      const executed = await Promise.all(Array.from({ length: 8 }, () => runMigrations(pooler.url)));

      expect(executed.flat()).toEqual(MIGRATIONS.map((migration) => migration.name));
    } finally {
      await pooler.stop();
    }
  }, 60_000);

  it('undoes every migration, and does it again', async () => {
    await runMigrations(database.url);
    const dataSource = await new DataSource(dataSourceOptions(database.url, 1)).initialize();
    try {
      for (let undone = 0; undone < MIGRATIONS.length; undone++) {
        await dataSource.undoLastMigration();
      }
      const left = await dataSource.query<{ name: string }[]>(
        `SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`,
      );
      expect(left).toEqual([{ name: 'schema_migration' }]);
    } finally {
      await dataSource.destroy();
    }

    expect(await runMigrations(database.url)).toHaveLength(MIGRATIONS.length);
  });

  it('takes no lock when the database is up to date', async () => {
    await runMigrations(database.url);
    await client.query('SELECT pg_advisory_lock($1)', [7_054_961_001]); // the one of a migration that runs for hours

    expect(await runMigrations(database.url)).toEqual([]);
  });

  it('makes partitions that are missing, also when there is no migration to run', async () => {
    await runMigrations(database.url);
    const [gone = ''] = partitionNamesAt(Date.now()).slice(-1);
    await client.query(`DROP TABLE ${gone}`);

    expect(await runMigrations(database.url)).toEqual([]);
    expect(await partitions()).toContain(gone);
  });
});
