import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { firstIdAt, timeOfId } from '@libs/sortable-id/sortable-id';
import { FAILURES, SMALL_PENDING, SUCCESSES } from './statistics.sql';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Attempts of this long are counted by one statement: at 5,000 a second 1.5 million rows, a few seconds of work. */
const SLICE_MS = 5 * MINUTE_MS;
/** Times after the end of an hour at which it is counted anew, for attempts that were recorded late. */
const RECOUNTS_AFTER_MS = [10 * MINUTE_MS, 24 * HOUR_MS];
/** Only one process at a time works on the rollups: whoever comes second has nothing to do. */
const ROLLUP_LOCK = 7_054_961_091;
const DELETE_BATCH = 10_000;

/** An hour, and up to which attempt it is counted. */
interface CountedHour {
  hour: Date;
  countedTo: string;
}

/** What came of a try to do some work. */
export interface RollupStep {
  /** True when there is more of it to do at once. */
  hasMore: boolean;
  /** Attempts before this time (unix ms) are counted; undefined when another process is at work. */
  countedToMs?: number;
}

const COUNT_SLICE = `
  INSERT INTO endpoint_hour AS h
    (endpoint_id, hour, successes, failures, attempts, failed_attempts, duration_ms)
  SELECT a.endpoint_id, $1::timestamptz, ${SUCCESSES}, ${FAILURES}, count(*), count(*) FILTER (WHERE NOT a.is_success),
    sum(a.response_duration_ms)
  FROM attempt a WHERE a.id >= $2 AND a.id < $3 GROUP BY a.endpoint_id
  ON CONFLICT (endpoint_id, hour) DO UPDATE SET
    successes = h.successes + excluded.successes, failures = h.failures + excluded.failures,
    attempts = h.attempts + excluded.attempts, failed_attempts = h.failed_attempts + excluded.failed_attempts,
    duration_ms = h.duration_ms + excluded.duration_ms`;

/**
 * Writes `endpoint_hour`. Hours are counted one after the other: `counted_hour` has a row for each, and the last row says
 * how far the counting has come. That mark moves in the transaction that adds the counts, so nothing is added twice.
 */
@Injectable()
export class RollupRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** Counts the open hour up to `toMs`, or to its end; `check` is called between slices and may throw to stop. */
  countNext(toMs: number, nowMs: number, check: () => void): Promise<RollupStep> {
    return this.alone({ hasMore: false }, async (manager) => {
      const { hour, countedTo } = await this.openHour(manager, nowMs);
      const [fromMs, endMs] = [timeOfId(countedTo), hour.getTime() + HOUR_MS];
      const untilMs = Math.max(fromMs, Math.min(toMs, endMs));
      await countSlices(manager, hour, fromMs, untilMs, check);
      await manager.query('UPDATE counted_hour SET counted_to = $2 WHERE hour = $1', [hour, idAt(untilMs)]);
      if (untilMs < endMs) {
        return { hasMore: false, countedToMs: untilMs };
      }
      // An hour that was counted bit by bit, while it lasted, is counted once more in any case.
      const countedAtMs = fromMs === hour.getTime() ? nowMs : endMs;
      await manager.query('UPDATE counted_hour SET recount_at = $2 WHERE hour = $1', [
        hour,
        nextRecountAt(endMs, countedAtMs),
      ]);
      await manager.query('INSERT INTO counted_hour (hour, counted_to) VALUES ($1, $2)', [
        new Date(endMs),
        idAt(endMs),
      ]);
      return { hasMore: true, countedToMs: untilMs };
    });
  }

  /** Counts an hour anew, from its attempts, when one is due. */
  recountNext(nowMs: number, check: () => void): Promise<RollupStep> {
    return this.alone({ hasMore: false }, async (manager) => {
      const [due] = await manager.query<{ hour: Date }[]>(
        'SELECT hour FROM counted_hour WHERE recount_at <= $1 ORDER BY recount_at LIMIT 1',
        [new Date(nowMs)],
      );
      if (due === undefined) {
        return { hasMore: false };
      }
      const [fromMs, endMs] = [due.hour.getTime(), due.hour.getTime() + HOUR_MS];
      await manager.query('SAVEPOINT before_recount');
      const before = await attemptsOf(manager, due.hour);
      await manager.query('DELETE FROM endpoint_hour WHERE hour = $1', [due.hour]);
      await countSlices(manager, due.hour, fromMs, endMs, check);
      if ((await attemptsOf(manager, due.hour)) < before) {
        // Attempts are only ever added: where some are missing, retention has removed them, and the first count stands.
        await manager.query('ROLLBACK TO SAVEPOINT before_recount');
      }
      await manager.query('UPDATE counted_hour SET recount_at = $2 WHERE hour = $1', [
        due.hour,
        nextRecountAt(endMs, nowMs),
      ]);
      return { hasMore: true };
    });
  }

  /** Counts what waits for each endpoint, when it is so much that a reader cannot. */
  async countPending(): Promise<void> {
    await this.alone({ hasMore: false }, async (manager) => {
      const [row] = await manager.query<{ isSmall: boolean }[]>(`SELECT ${SMALL_PENDING} AS "isSmall"`);
      if (row?.isSmall === false) {
        await manager.query('DELETE FROM endpoint_pending');
        await manager.query(
          `INSERT INTO endpoint_pending (endpoint_id, deliveries)
           SELECT endpoint_id, count(*) FROM pending_delivery GROUP BY endpoint_id`,
        );
      }
      return { hasMore: false };
    });
  }

  /** Deletes some of the counts of hours before `beforeMs`; true when there may be more. */
  async deleteBefore(beforeMs: number): Promise<boolean> {
    const before = new Date(beforeMs);
    const [, deleted] = await this.dataSource.query<[unknown, number]>(
      `DELETE FROM endpoint_hour WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM endpoint_hour WHERE hour < $1 ORDER BY hour LIMIT ${DELETE_BATCH} FOR UPDATE SKIP LOCKED))`,
      [before],
    );
    if (deleted === DELETE_BATCH) {
      return true;
    }
    // The last one is where counting goes on.
    await this.dataSource.query(
      'DELETE FROM counted_hour WHERE hour < $1 AND hour < (SELECT max(hour) FROM counted_hour)',
      [before],
    );
    return false;
  }

  /** The work as one transaction, or `otherwise` when another process is at it. */
  private alone(otherwise: RollupStep, work: (manager: EntityManager) => Promise<RollupStep>): Promise<RollupStep> {
    return this.dataSource.transaction(async (manager) => {
      const [lock] = await manager.query<{ isMine: boolean }[]>('SELECT pg_try_advisory_xact_lock($1) AS "isMine"', [
        ROLLUP_LOCK,
      ]);
      if (lock?.isMine !== true) {
        return otherwise;
      }
      // The attempts of a span of time lie together: they are to be read block by block and hashed, whatever the planner
      // expects of a partition that it has no statistics of yet.
      await manager.query(
        `SELECT set_config(name, 'off', true)
         FROM (VALUES ('enable_seqscan'), ('enable_indexscan'), ('enable_sort')) AS s (name)`,
      );
      return work(manager);
    });
  }

  private async openHour(manager: EntityManager, nowMs: number): Promise<CountedHour> {
    const [last] = await manager.query<CountedHour[]>(
      'SELECT hour, counted_to AS "countedTo" FROM counted_hour ORDER BY hour DESC LIMIT 1',
    );
    if (last !== undefined) {
      return last;
    }
    const hour = (await firstDay(manager)) ?? new Date(Math.floor(nowMs / HOUR_MS) * HOUR_MS);
    const first = { hour, countedTo: idAt(hour.getTime()) };
    await manager.query('INSERT INTO counted_hour (hour, counted_to) VALUES ($1, $2)', [first.hour, first.countedTo]);
    return first;
  }
}

async function countSlices(
  manager: EntityManager,
  hour: Date,
  fromMs: number,
  untilMs: number,
  check: () => void,
): Promise<void> {
  for (let startMs = fromMs; startMs < untilMs; startMs += SLICE_MS) {
    check();
    const endMs = Math.min(startMs + SLICE_MS, untilMs);
    await manager.query(COUNT_SLICE, [hour, idAt(startMs), idAt(endMs)]);
  }
}

async function attemptsOf(manager: EntityManager, hour: Date): Promise<number> {
  const [row] = await manager.query<{ attempts: string }[]>(
    'SELECT coalesce(sum(attempts), 0) AS attempts FROM endpoint_hour WHERE hour = $1',
    [hour],
  );
  return Number(row?.attempts);
}

/** The oldest day that attempts are kept of, by the name of its partition. */
async function firstDay(manager: EntityManager): Promise<Date | undefined> {
  const [row] = await manager.query<{ day: string | null }[]>(
    `SELECT min(substr(relname, 9)) AS day FROM pg_class WHERE relname ~ '^attempt_[0-9]{8}$'`,
  );
  const parts = /^(\d{4})(\d\d)(\d\d)$/.exec(row?.day ?? '');
  return parts === null ? undefined : new Date(`${parts[1]}-${parts[2]}-${parts[3]}T00:00:00Z`);
}

/** When an hour that was last counted at `countedAtMs` is counted again; null for never. */
function nextRecountAt(endMs: number, countedAtMs: number): Date | null {
  const afterMs = RECOUNTS_AFTER_MS.find((delayMs) => endMs + delayMs > countedAtMs);
  return afterMs === undefined ? null : new Date(endMs + afterMs);
}

function idAt(ms: number): string {
  return firstIdAt('atmpt', ms);
}
