import { firstIdAt, type IdPrefix } from '@libs/sortable-id/sortable-id';
import { type DataSource } from 'typeorm';

const DAY_MS = 24 * 3600 * 1000;
/** Partitions exist this many days ahead, so that a scheduler may be away for days. */
const DAYS_AHEAD = 4;
/** Length of a period of `idempotency_key`: a key is remembered for at least one period and at most two. */
export const IDEMPOTENCY_PERIOD_MS = 12 * 3600 * 1000;

const PARTITIONED_BY_ID: { table: string; prefix: IdPrefix }[] = [
  { table: 'message', prefix: 'msg' },
  { table: 'attempt', prefix: 'atmpt' },
];

/**
 * Creates the daily partitions of today and the days ahead where they are missing. Rows outside of them (a clock
 * far off) go to the default partition, so nothing is ever refused.
 */
export async function ensurePartitions(dataSource: DataSource, nowMs: number): Promise<void> {
  const today = Math.floor(nowMs / DAY_MS);
  for (const { table, prefix } of PARTITIONED_BY_ID) {
    for (let day = today; day <= today + DAYS_AHEAD; day++) {
      const from = firstIdAt(prefix, day * DAY_MS);
      const to = firstIdAt(prefix, (day + 1) * DAY_MS);
      await createPartition(dataSource, table, nameOfDay(table, day), `FROM ('${from}') TO ('${to}')`);
    }
  }
  const period = Math.floor(nowMs / IDEMPOTENCY_PERIOD_MS);
  for (let next = period; next <= period + 2 * DAYS_AHEAD; next++) {
    await createPartition(dataSource, 'idempotency_key', `idempotency_key_p${next}`, `FROM (${next}) TO (${next + 1})`);
  }
}

function nameOfDay(table: string, day: number): string {
  return `${table}_${new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')}`;
}

async function createPartition(dataSource: DataSource, table: string, name: string, range: string): Promise<void> {
  const existing: unknown[] = await dataSource.query('SELECT 1 FROM pg_class WHERE relname = $1', [name]);
  if (existing.length > 0) {
    return;
  }
  await dataSource.query(`CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${table} FOR VALUES ${range}`);
}
