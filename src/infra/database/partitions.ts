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

/** A partition that should be there. */
interface Partition {
  name: string;
  table: string;
  /** As in `FOR VALUES ...`. */
  range: string;
}

/** Names of the partitions of today and the days ahead. */
export function partitionNamesAt(nowMs: number): string[] {
  return partitionsAt(nowMs).map(({ name }) => name);
}

/**
 * Creates the daily partitions of today and the days ahead where they are missing. Rows outside of them (a clock
 * far off) go to the default partition, so nothing is ever refused.
 */
export async function ensurePartitions(dataSource: DataSource, nowMs: number): Promise<void> {
  const wanted = partitionsAt(nowMs);
  const rows: { name: string }[] = await dataSource.query(
    'SELECT relname::text AS name FROM pg_class WHERE relname = ANY ($1)',
    [wanted.map(({ name }) => name)],
  );
  const existing = new Set(rows.map(({ name }) => name));
  for (const { name, table, range } of wanted.filter((partition) => !existing.has(partition.name))) {
    await dataSource.query(`CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${table} FOR VALUES ${range}`);
  }
}

/** Drops the idempotency keys of periods that nobody asks for any more. Gives way at once when the table is busy. */
export async function dropExpiredKeys(dataSource: DataSource, nowMs: number): Promise<void> {
  const oldestKept = Math.floor(nowMs / IDEMPOTENCY_PERIOD_MS) - 1;
  const rows: { name: string }[] = await dataSource.query(
    `SELECT relname::text AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '^idempotency_key_p[0-9]+$'`,
  );
  for (const { name } of rows) {
    if (Number(name.slice('idempotency_key_p'.length)) < oldestKept) {
      await dataSource.transaction(async (manager) => {
        await manager.query(`SET LOCAL lock_timeout = '2s'`);
        await manager.query(`DROP TABLE IF EXISTS ${name}`);
      });
    }
  }
}

function partitionsAt(nowMs: number): Partition[] {
  const today = Math.floor(nowMs / DAY_MS);
  const days = Array.from({ length: DAYS_AHEAD + 1 }, (_, index) => today + index);
  const period = Math.floor(nowMs / IDEMPOTENCY_PERIOD_MS);
  const periods = Array.from({ length: 2 * DAYS_AHEAD + 1 }, (_, index) => period + index);
  return [
    ...PARTITIONED_BY_ID.flatMap(({ table, prefix }) =>
      days.map((day) => {
        const [from, to] = [day, day + 1].map((boundary) => firstIdAt(prefix, boundary * DAY_MS));
        return { name: nameOfDay(table, day), table, range: `FROM ('${from}') TO ('${to}')` };
      }),
    ),
    ...periods.map((next) => ({
      name: `idempotency_key_p${next}`,
      table: 'idempotency_key',
      range: `FROM (${next}) TO (${next + 1})`,
    })),
  ];
}

function nameOfDay(table: string, day: number): string {
  return `${table}_${new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')}`;
}
