import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { firstIdAt } from '@libs/sortable-id/sortable-id';
import { DataSource, type EntityManager } from 'typeorm';
import { joined } from '@/infra/database/columns';
import { DAY_MS, type DayPartition, listDayPartitions } from '@/infra/database/partitions';
import { dropPartition, type DropResult } from '@/infra/database/partitions-drop';
import { deleteSql, HAS_UNFINISHED } from './remove-old-rows.sql';
import { type Batch, type BatchRequest, type OldRows } from './retention.types';

/** A message has its id at most this much earlier than its dispatch row: it may wait for its commit. */
const COMMIT_MARGIN_MS = 3_600_000;
/** Clocks of workers differ; a secret that has just expired may still sign. */
const SECRET_GRACE = '1 hour';

/** Where old rows are, and the indexed text that begins like an id and says how old they are. */
const PLACES: Record<OldRows, { table: string; column: string; prefix: 'msg' | 'atmpt'; length?: number }> = {
  message: { table: 'message_default', column: 'id', prefix: 'msg' },
  attempt: { table: 'attempt_default', column: 'id', prefix: 'atmpt' },
  event_id: { table: 'message_event_id', column: 'left(message_id, 8)', prefix: 'msg', length: 8 },
};

/** Everything that is removed because it is old. "Now" is the time of the database, whatever the clocks of schedulers say. */
@Injectable()
export class RetentionRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** The first day, in days since 1970, of which nothing is older than `days`. */
  async firstKeptDay(days: number): Promise<number> {
    const [row] = await this.dataSource.query<{ nowMs: number }[]>(
      'SELECT extract(epoch FROM now())::float8 * 1000 AS "nowMs"',
    );
    return Math.floor((row?.nowMs ?? 0) / DAY_MS) - days;
  }

  /** The partitions of `message` and `attempt`, oldest first. */
  listPartitions(): Promise<DayPartition[]> {
    return listDayPartitions(this.dataSource);
  }

  /** Drops a partition, unless a delivery of a message of that day or an earlier one is not finished. */
  async dropPartition(partition: DayPartition): Promise<DropResult> {
    const bounds = boundsOf(partition.day + 1);
    const isFinished = async (manager: EntityManager): Promise<boolean> => {
      const [row] = await manager.query<{ unfinished: boolean }[]>(`SELECT ${HAS_UNFINISHED} AS unfinished`, bounds);
      return row?.unfinished === false;
    };
    // Asked first without the lock, which stops all who write.
    return (await isFinished(this.dataSource.manager)) ? dropPartition(this.dataSource, partition, isFinished) : 'kept';
  }

  /** Deletes rows older than the day, unless a delivery of a message older than that is not finished. */
  async removeRows(what: OldRows, day: number, { from = '', limit }: BatchRequest): Promise<Batch> {
    const { table, column, prefix, length } = PLACES[what];
    const condition = `${column} < $3 AND NOT ${HAS_UNFINISHED}`;
    const [rows] = await this.dataSource.query<[{ key: string }[], number]>(
      `${deleteSql({ table, column, condition, from: '$4', limit: '$5' })} RETURNING ${column} AS key`,
      [...boundsOf(day), firstIdAt(prefix, day * DAY_MS).slice(0, length), from, limit],
    );
    return { found: rows.length, removed: rows.length, last: lastOf(rows.map(({ key }) => key)) };
  }

  /** Removes the content of messages whose time is over. */
  removePayloads({ from = '-infinity', limit }: BatchRequest): Promise<Batch> {
    const [table, column, condition] = ['payload_expiry', 'expires_at', 'expires_at <= now()'];
    return this.dataSource.transaction(async (manager) => {
      const [due] = await manager.query<[{ appId: string; id: string; at: Date }[], number]>(
        `${deleteSql({ table, column, condition, from: '$1', limit: '$2' })}
         RETURNING app_id AS "appId", message_id AS id, expires_at AS at`,
        [from, limit],
      );
      return {
        found: due.length,
        removed: due.length === 0 ? 0 : await clearPayloads(manager, due),
        last: lastOf(due.map(({ at }) => at.toISOString())),
      };
    });
  }

  /** Deletes secrets that have not signed for a while. */
  async removeSecrets({ from = '-infinity', limit }: BatchRequest): Promise<Batch> {
    const [table, column, condition] = [
      'endpoint_secret',
      'expires_at',
      `expires_at < now() - interval '${SECRET_GRACE}'`,
    ];
    const [rows] = await this.dataSource.query<[{ at: Date }[], number]>(
      `${deleteSql({ table, column, condition, from: '$1', limit: '$2' })} RETURNING expires_at AS at`,
      [from, limit],
    );
    return { found: rows.length, removed: rows.length, last: lastOf(rows.map(({ at }) => at.toISOString())) };
  }
}

/** Answers how many still had content. */
async function clearPayloads(manager: EntityManager, due: { appId: string; id: string }[]): Promise<number> {
  const ids = due.map(({ id }) => id);
  const sorted = [...ids].sort();
  // The bounds say nothing new, but let the planner skip all partitions outside of them.
  const [, cleared] = await manager.query<[unknown[], number]>(
    `UPDATE message m SET payload = NULL
     FROM unnest(string_to_array($1, ','), string_to_array($2, ',')) AS k (app_id, id)
     WHERE m.app_id = k.app_id AND m.id = k.id AND m.id >= $3 AND m.id <= $4 AND m.payload IS NOT NULL`,
    [joined(due.map(({ appId }) => appId)), joined(ids), sorted[0], sorted[sorted.length - 1]],
  );
  return cleared;
}

/** Parameters of `HAS_UNFINISHED` for messages that are older than the day. */
function boundsOf(day: number): [string, string] {
  return [firstIdAt('msg', day * DAY_MS), firstIdAt('dsp', day * DAY_MS + COMMIT_MARGIN_MS)];
}

/** Rows come back in no order. */
function lastOf(keys: string[]): string | undefined {
  return keys.sort().at(-1);
}
