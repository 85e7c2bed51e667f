import { firstIdAt } from '@libs/sortable-id/sortable-id';
import { DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database';
import { dataSourceOptions } from './data-source-options';
import {
  DAY_MS,
  dropExpiredKeys,
  ensurePartitions,
  IDEMPOTENCY_PERIOD_MS,
  listDayPartitions,
  partitionNamesAt,
} from './partitions';

const NOW_MS = Date.parse('2030-05-05T12:00:00Z');

describe('partitions', () => {
  let database: TestDatabase;
  let dataSource: DataSource;

  beforeEach(async () => {
    database = await createTestDatabase();
    dataSource = await new DataSource(dataSourceOptions(database.url, 4)).initialize();
  }, 60_000);

  afterEach(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  async function tables(pattern: string): Promise<string[]> {
    const rows = await dataSource.query<{ name: string }[]>(
      `SELECT relname::text AS name FROM pg_class WHERE relkind = 'r' AND relname ~ $1 ORDER BY 1`,
      [pattern],
    );
    return rows.map(({ name }) => name);
  }

  const insertMessage = (atMs: number): Promise<unknown> =>
    dataSource.query(
      `INSERT INTO message (id, app_id, event_type, payload_expires_at) VALUES ($1, 'app_1', 'a', now())`,
      [firstIdAt('msg', atMs)],
    );

  it('are made by any number of processes at once', async () => {
    const missed = await Promise.all(Array.from({ length: 4 }, () => ensurePartitions(dataSource, NOW_MS)));

    expect(missed.flat()).toEqual([]);
    const made = await tables('^(message|attempt)_20300|^idempotency_key_p');
    expect(made).toEqual(expect.arrayContaining(partitionNamesAt(NOW_MS)));
  });

  it('are made for all days but those whose rows went to the default partition', async () => {
    const tomorrow = NOW_MS + DAY_MS;
    await insertMessage(tomorrow);
    const period = Math.floor(NOW_MS / IDEMPOTENCY_PERIOD_MS) + 1;
    await dataSource.query(`INSERT INTO idempotency_key (period, key_hash) VALUES ($1, 'a')`, [period]);

    const missed = await ensurePartitions(dataSource, NOW_MS);

    expect(missed).toEqual(['message_20300506', `idempotency_key_p${period}`]);
    const made = await tables('^(message|attempt)_2030|^idempotency_key_p');
    expect(made).toEqual(expect.arrayContaining(partitionNamesAt(NOW_MS).filter((name) => !missed.includes(name))));
    await insertMessage(tomorrow + 3_600_000);
  });

  it('of messages and attempts are listed by day', async () => {
    await ensurePartitions(dataSource, NOW_MS - 10 * DAY_MS);
    const partitions = await listDayPartitions(dataSource);
    const early = partitions.filter(({ day }) => day >= NOW_MS / DAY_MS - 11);

    expect(early.map(({ name }) => name).slice(0, 3)).toEqual([
      'message_20300425',
      'attempt_20300425',
      'message_20300426',
    ]);
    expect(early[0]).toMatchObject({ table: 'message', day: Date.parse('2030-04-25') / DAY_MS });
  });

  it('of expired keys are dropped, and keys in the default partition are deleted', async () => {
    const period = Math.floor(NOW_MS / IDEMPOTENCY_PERIOD_MS);
    await ensurePartitions(dataSource, NOW_MS - 2 * DAY_MS);
    const insert = (of: number): Promise<unknown> =>
      dataSource.query(
        `INSERT INTO idempotency_key (period, key_hash) SELECT $1, int4send(n) FROM generate_series(1, 6000) n`,
        [of],
      );
    await insert(period - 100);
    await insert(period - 2);
    await insert(period - 1);

    await Promise.all([dropExpiredKeys(dataSource, NOW_MS), dropExpiredKeys(dataSource, NOW_MS)]);
    await dropExpiredKeys(dataSource, NOW_MS);

    const [first] = await tables(`^idempotency_key_p`);
    expect(first).toBe(`idempotency_key_p${period - 1}`);
    const left = await dataSource.query('SELECT DISTINCT period FROM idempotency_key');
    expect(left).toEqual([{ period: period - 1 }]);
  });
});
