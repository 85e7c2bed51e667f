import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Endpoint } from './endpoint.entity';

/** Rows are locked in the order of their ids, so that two batches never wait for each other. */
const LOCK = `
  locked AS (
    SELECT id, app_id, failing_since FROM endpoint
    WHERE id = ANY($1) AND deleted_at IS NULL
    ORDER BY id FOR NO KEY UPDATE
  )`;
const NOTE_FAILING = `
  WITH ${LOCK}, changed AS (
    UPDATE endpoint SET failing_since = $2 FROM locked WHERE endpoint.id = locked.id AND locked.failing_since IS NULL
  )
  SELECT DISTINCT app_id AS "appId" FROM locked`;
const NOTE_RECOVERED = `
  WITH ${LOCK}, changed AS (
    UPDATE endpoint SET failing_since = NULL FROM locked WHERE endpoint.id = locked.id AND locked.failing_since IS NOT NULL
  )
  SELECT DISTINCT app_id AS "appId" FROM locked`;
const DISABLE = `
  UPDATE endpoint SET is_disabled = true, updated_at = $2
  WHERE id = $1 AND NOT is_disabled AND deleted_at IS NULL AND ($3::timestamptz IS NULL OR failing_since <= $3)
  RETURNING app_id AS "appId"`;

/** What the worker writes about endpoints. Each method gives the ids of the applications concerned. */
@Injectable()
export class EndpointHealthRepository {
  constructor(@InjectRepository(Endpoint) private readonly table: Repository<Endpoint>) {}

  /** Sets since when they have failed, where that is not set yet. */
  noteFailing(endpointIds: readonly string[], since: Date): Promise<string[]> {
    return this.appIdsOf(NOTE_FAILING, [endpointIds, since]);
  }

  noteRecovered(endpointIds: readonly string[]): Promise<string[]> {
    return this.appIdsOf(NOTE_RECOVERED, [endpointIds]);
  }

  /** Disables it if it is enabled and, with `failingBefore`, has failed since then or longer; undefined if not. */
  async disable(endpointId: string, now: Date, failingBefore?: Date): Promise<string | undefined> {
    const [rows] = await this.table.query<[{ appId: string }[], number]>(DISABLE, [
      endpointId,
      now,
      failingBefore ?? null,
    ]);
    return rows[0]?.appId;
  }

  private async appIdsOf(statement: string, parameters: unknown[]): Promise<string[]> {
    const rows = await this.table.query<{ appId: string }[]>(statement, parameters);
    return rows.map((row) => row.appId);
  }
}
