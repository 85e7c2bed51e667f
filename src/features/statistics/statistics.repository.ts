import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { firstIdAt } from '@libs/sortable-id/sortable-id';
import { FAILURES, SMALL_PENDING, SUCCESSES } from './statistics.sql';

const HOUR_MS = 3_600_000;
/** Attempts that are counted one by one, because no rollup has them yet; more would take too long. */
const MAX_TAIL = 3_000;

/** How many deliveries ended how, and how many wait. */
export interface DeliveryCounts {
  success: number;
  fail: number;
  pending: number;
}

/** Reads the counts of hours and adds what is not in them yet. */
@Injectable()
export class StatisticsRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /**
   * Counts from the beginning of the hour of `sinceMs` to the end of the hour of `untilMs` (unix ms); of what is not rolled
   * up, exactly between the two, and the first 3,000 attempts at most. One statement, so that it sees one state: the
   * rollup moves the border between the two parts.
   */
  async countDeliveries(endpointId: string, sinceMs: number, untilMs: number): Promise<DeliveryCounts> {
    const isEmpty = sinceMs >= untilMs;
    const fromHour = new Date(Math.floor(sinceMs / HOUR_MS) * HOUR_MS);
    const toHour = isEmpty ? fromHour : new Date(Math.ceil(untilMs / HOUR_MS) * HOUR_MS);
    const [fromId, toId] = [sinceMs, isEmpty ? sinceMs : untilMs].map((ms) => firstIdAt('atmpt', ms));
    const rows = await this.inIndexOrder<Record<keyof DeliveryCounts, string>[]>(
      `SELECT hours.successes + tail.successes AS success, hours.failures + tail.failures AS fail,
         CASE WHEN ${SMALL_PENDING}
           THEN (SELECT count(*) FROM pending_delivery WHERE endpoint_id = $1)
           ELSE coalesce((SELECT deliveries FROM endpoint_pending WHERE endpoint_id = $1), 0) END AS pending
       FROM (
         SELECT coalesce(sum(h.successes), 0) AS successes, coalesce(sum(h.failures), 0) AS failures
         FROM endpoint_hour h WHERE h.endpoint_id = $1 AND h.hour >= $2 AND h.hour < $3
       ) hours, (
         SELECT ${SUCCESSES} AS successes, ${FAILURES} AS failures FROM (
           SELECT * FROM attempt
           WHERE endpoint_id = $1 AND id < $5 AND id >= greatest(
             $4 COLLATE "C", (SELECT counted_to FROM counted_hour ORDER BY hour DESC LIMIT 1))
           ORDER BY id LIMIT ${MAX_TAIL}
         ) a
       ) tail`,
      [endpointId, fromHour, toHour, fromId, toId],
    );
    const [counts] = rows;
    return {
      success: Number(counts?.success),
      fail: Number(counts?.fail),
      pending: Number(counts?.pending),
    };
  }

  /**
   * A query whose plan walks indexes in their order. Of a partition of which it has no statistics yet the planner expects
   * a few rows: it would collect all that an endpoint has, and sort them, before it cuts off the first.
   */
  private inIndexOrder<T>(sql: string, parameters: unknown[]): Promise<T> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query(
        "SELECT set_config(name, 'off', true) FROM (VALUES ('enable_bitmapscan'), ('enable_sort')) AS s (name)",
      );
      return manager.query<T>(sql, parameters);
    });
  }
}
