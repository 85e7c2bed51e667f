import { firstIdAt, type IdPrefix } from '@libs/sortable-id/sortable-id';
import { type DataSource } from 'typeorm';
import { isCheckViolation, isDuplicateTable } from './database-errors';
import { dropPartition } from './partitions-drop';

/** Length of the range of a partition of `message` or `attempt`. */
export const DAY_MS = 24 * 3600 * 1000;
/** Partitions exist this many days ahead, so that a scheduler may be away for days. */
const DAYS_AHEAD = 4;
/** Length of a period of `idempotency_key`: a key is remembered for at least one period and at most two. */
export const IDEMPOTENCY_PERIOD_MS = 12 * 3600 * 1000;
/** Expired keys that one statement deletes from the default partition. */
const DELETE_BATCH = 5_000;

const PARTITIONED_BY_ID: { table: string; prefix: IdPrefix; storage?: string }[] = [
  // Rows change only when their payload has expired, and then it should not lie around as a dead row for long.
  { table: 'message', prefix: 'msg', storage: 'autovacuum_vacuum_scale_factor = 0.02' },
  { table: 'attempt', prefix: 'atmpt' },
];

/** A partition that should be there. */
interface Partition {
  name: string;
  table: string;
  /** As in `FOR VALUES ...`. */
  range: string;
  /** As in `WITH (...)`. */
  storage?: string;
}

/** The partition of `message` or `attempt` of one day. */
export interface DayPartition {
  name: string;
  table: string;
  /** Days since 1970. */
  day: number;
}

/** Names of the partitions of today and the days ahead. */
export function partitionNamesAt(nowMs: number): string[] {
  return partitionsAt(nowMs).map(({ name }) => name);
}

/**
 * Creates the daily partitions of today and the days ahead where they are missing. Rows outside of them (a clock
 * far off) go to the default partition, so nothing is ever refused.
 *
 * Resolves to the names of those that cannot be made, because rows of their range went to the default partition while
 * nobody made partitions. Such a day stays there.
 */
export async function ensurePartitions(dataSource: DataSource, nowMs: number): Promise<string[]> {
  const wanted = partitionsAt(nowMs);
  const rows: { name: string }[] = await dataSource.query(
    'SELECT relname::text AS name FROM pg_class WHERE relname = ANY ($1)',
    [wanted.map(({ name }) => name)],
  );
  const existing = new Set(rows.map(({ name }) => name));
  const missed: string[] = [];
  for (const partition of wanted.filter(({ name }) => !existing.has(name))) {
    if (!(await createPartition(dataSource, partition))) {
      missed.push(partition.name);
    }
  }
  return missed;
}

/** The daily partitions of `message` and `attempt` that exist, oldest first. */
export async function listDayPartitions(dataSource: DataSource): Promise<DayPartition[]> {
  const rows = await dataSource.query<{ name: string; table: string; date: string }[]>(
    `SELECT c.relname::text AS name, t.relname::text AS "table",
       regexp_replace(c.relname, '^.*_(\\d{4})(\\d\\d)(\\d\\d)$', '\\1-\\2-\\3') AS date
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class t ON t.oid = i.inhparent
     WHERE i.inhparent = ANY ($1::regclass[]) AND c.relname ~ '_\\d{8}$'
     ORDER BY date, "table" DESC`,
    [PARTITIONED_BY_ID.map(({ table }) => table)],
  );
  return rows.map(({ name, table, date }) => ({ name, table, day: Date.parse(date) / DAY_MS }));
}

/** Drops the idempotency keys of periods that nobody asks for any more. Gives way when the table is busy. */
export async function dropExpiredKeys(dataSource: DataSource, nowMs: number): Promise<void> {
  const oldestKept = Math.floor(nowMs / IDEMPOTENCY_PERIOD_MS) - 1;
  const rows: { name: string }[] = await dataSource.query(
    `SELECT relname::text AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '^idempotency_key_p[0-9]+$'`,
  );
  for (const { name } of rows) {
    if (Number(name.slice('idempotency_key_p'.length)) < oldestKept) {
      await dropPartition(dataSource, { name, table: 'idempotency_key' });
    }
  }
  await deleteExpiredKeys(dataSource, oldestKept);
}

/** Deletes what went to the default partition while nobody made partitions. */
async function deleteExpiredKeys(dataSource: DataSource, oldestKept: number): Promise<void> {
  for (let deleted = DELETE_BATCH; deleted === DELETE_BATCH;) {
    [, deleted] = await dataSource.query<[unknown[], number]>(
      `DELETE FROM idempotency_key_default WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM idempotency_key_default WHERE period < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`,
      [oldestKept, DELETE_BATCH],
    );
  }
}

/** False when the default partition has rows of its range. */
async function createPartition(dataSource: DataSource, { name, table, range, storage }: Partition): Promise<boolean> {
  const options = storage === undefined ? '' : ` WITH (${storage})`;
  try {
    await dataSource.query(`CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${table} FOR VALUES ${range}${options}`);
  } catch (error) {
    if (isCheckViolation(error)) {
      return false;
    }
    if (!isDuplicateTable(error)) {
      throw error;
    }
  }
  return true;
}

function partitionsAt(nowMs: number): Partition[] {
  const today = Math.floor(nowMs / DAY_MS);
  const days = Array.from({ length: DAYS_AHEAD + 1 }, (_, index) => today + index);
  const period = Math.floor(nowMs / IDEMPOTENCY_PERIOD_MS);
  const periods = Array.from({ length: 2 * DAYS_AHEAD + 1 }, (_, index) => period + index);
  return [
    ...PARTITIONED_BY_ID.flatMap(({ table, prefix, storage }) =>
      days.map((day) => {
        const [from, to] = [day, day + 1].map((boundary) => firstIdAt(prefix, boundary * DAY_MS));
        return { name: nameOfDay(table, day), table, range: `FROM ('${from}') TO ('${to}')`, storage };
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
