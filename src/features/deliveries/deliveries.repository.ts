import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { lastIdAt } from '@libs/sortable-id/sortable-id';
import { joined, packed } from '@/infra/database/columns';
import { type AttemptOutcome, type Delivery, type PendingDelivery } from './deliveries.types';
import { type PendingChanges } from './pending-changes';
import { ENDING, recordOutcomesSql } from './record-outcomes.sql';

/** An attempt together with what it was made for. */
export interface AttemptRow {
  delivery: Delivery;
  outcome: AttemptOutcome;
  /** True when no other attempt follows from this one. */
  isFinal: boolean;
}

/** A dispatch row: the messages of a batch. The arrays go in parallel. */
export interface DispatchRow {
  id: string;
  appIds: string[];
  messageIds: string[];
}

/** Writes attempts, and every query of `pending_delivery` and of the reading side of `dispatch`. */
@Injectable()
export class DeliveriesRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /**
   * Records attempts, moves their pending rows on and removes finished dispatch rows: all of it or nothing. `isRepeated`
   * when an earlier call with the same content failed, and may have been committed all the same.
   */
  async record(
    attempts: readonly AttemptRow[],
    pending: PendingChanges,
    dispatchIds: readonly string[],
    isRepeated = false,
  ): Promise<void> {
    const responses = packed(attempts.map(({ outcome }) => outcome.response));
    const parameters: unknown[] = [
      joined(attempts.map(({ outcome }) => outcome.id)),
      joined(attempts.map(({ delivery }) => delivery.message.id)),
      joined(attempts.map(({ delivery }) => delivery.endpoint.id)),
      joined(attempts.map(({ delivery }) => delivery.message.appId)),
      joined(attempts.map(({ delivery }) => delivery.attemptNumber)),
      joined(attempts.map(({ delivery }) => delivery.isManual)),
      joined(attempts.map(endingOf)),
      joined(attempts.map(({ outcome }) => outcome.statusCode)),
      joined(attempts.map(({ outcome }) => outcome.durationMs)),
      // A normalised URL has no space.
      attempts.map(({ delivery }) => delivery.endpoint.url).join(' '),
      responses.bytes,
      responses.starts,
      responses.lengths,
      joined(dispatchIds),
    ];
    const hasPending = !pending.isEmpty;
    if (hasPending) {
      parameters.push(...pendingParameters(pending));
    }
    await this.dataSource.query(recordOutcomesSql(hasPending, isRepeated), parameters);
  }

  /** Resolves when the database answers. */
  async ping(): Promise<void> {
    await this.dataSource.query('SELECT 1');
  }

  /** Takes up to `limit` deliveries that are due; until `claimUntilMs` nobody else gets them. */
  async claimDue(claim: string, limit: number, claimUntilMs: number): Promise<PendingDelivery[]> {
    const [rows] = await this.dataSource.query<[PendingDelivery[], number]>(
      `UPDATE pending_delivery p SET claim = $1, due_at = to_timestamp($2::float8 / 1000)
       FROM (
         SELECT d.message_id, d.endpoint_id, d.is_manual FROM pending_delivery d
         WHERE d.due_at <= now() ORDER BY d.due_at LIMIT $3 FOR UPDATE SKIP LOCKED
       ) due
       WHERE p.message_id = due.message_id AND p.endpoint_id = due.endpoint_id AND p.is_manual = due.is_manual
       RETURNING p.message_id AS "messageId", p.endpoint_id AS "endpointId", p.is_manual AS "isManual",
         p.app_id AS "appId", p.attempt_number AS "attemptNumber"`,
      [claim, claimUntilMs, limit],
    );
    return rows;
  }

  /** Frees every claimed delivery and batch: right when no other process can be at work on them. */
  async releaseAllClaims(): Promise<void> {
    await this.dataSource.query('UPDATE dispatch SET claimed_until = NULL WHERE claimed_until IS NOT NULL');
    await this.dataSource.query('UPDATE pending_delivery SET claim = NULL, due_at = now() WHERE claim IS NOT NULL');
  }

  /** Adds a resend, due at once; does nothing when one is waiting already. */
  async insertManual(appId: string, messageId: string, endpointId: string): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO pending_delivery (message_id, endpoint_id, is_manual, app_id, attempt_number, due_at)
       VALUES ($1, $2, true, $3, 0, now()) ON CONFLICT DO NOTHING`,
      [messageId, endpointId, appId],
    );
  }

  /** Ids of dispatch rows written before `beforeMs` that are the queue's, oldest first. */
  async listStrandedDispatches(beforeMs: number, limit: number): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      'SELECT id FROM dispatch WHERE id < $1 AND claimed_until IS NULL ORDER BY id LIMIT $2',
      [lastIdAt('dsp', beforeMs), limit],
    );
    return rows.map((row) => row.id);
  }

  /** Takes these dispatch rows away from the queue: any worker may claim them. */
  async freeDispatches(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) {
      return;
    }
    await this.dataSource.query(
      `UPDATE dispatch SET claimed_until = timestamptz 'epoch'
       WHERE id = ANY (string_to_array($1, ',')) AND claimed_until IS NULL`,
      [joined(ids)],
    );
  }

  /** Takes up to `limit` dispatch rows for `leaseMs` that are free or whose lease has ended, oldest first. */
  async claimFreeDispatches(limit: number, leaseMs: number): Promise<DispatchRow[]> {
    const [rows] = await this.dataSource.query<[DispatchRow[], number]>(
      `UPDATE dispatch d SET claimed_until = now() + make_interval(secs => $2::float8 / 1000)
       FROM (SELECT id FROM dispatch WHERE claimed_until < now() ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) free
       WHERE d.id = free.id
       RETURNING d.id, d.app_ids AS "appIds", d.message_ids AS "messageIds"`,
      [limit, leaseMs],
    );
    return rows;
  }

  /** Takes dispatch rows for `leaseMs`; those that are gone, or that somebody else has, are missing. */
  async claimDispatches(ids: readonly string[], leaseMs: number): Promise<DispatchRow[]> {
    const [rows] = await this.dataSource.query<[DispatchRow[], number]>(
      `UPDATE dispatch d SET claimed_until = now() + make_interval(secs => $2::float8 / 1000)
       FROM (
         SELECT id FROM dispatch
         WHERE id = ANY (string_to_array($1, ',')) AND (claimed_until IS NULL OR claimed_until < now())
         FOR UPDATE SKIP LOCKED
       ) free
       WHERE d.id = free.id
       RETURNING d.id, d.app_ids AS "appIds", d.message_ids AS "messageIds"`,
      [joined(ids), leaseMs],
    );
    return rows;
  }

  /** Pairs `message endpoint` of these messages that an earlier run of their batch has settled. */
  async listSettled(messageIds: readonly string[]): Promise<Set<string>> {
    const rows = await this.dataSource.query<{ key: string }[]>(
      `SELECT a.message_id || ' ' || a.endpoint_id AS key FROM attempt a
       WHERE a.message_id = ANY (string_to_array($1, ',')) AND NOT a.is_manual
       UNION
       SELECT p.message_id || ' ' || p.endpoint_id FROM pending_delivery p
       WHERE p.message_id = ANY (string_to_array($1, ',')) AND NOT p.is_manual`,
      [joined(messageIds)],
    );
    return new Set(rows.map((row) => row.key));
  }
}

function endingOf({ outcome, isFinal }: AttemptRow): number {
  return outcome.isSuccess ? ENDING.success : isFinal ? ENDING.failure : ENDING.none;
}

function pendingParameters(pending: PendingChanges): unknown[] {
  const { inserts, updates, deletes } = pending.list();
  return [
    joined(inserts.map((row) => row.messageId)),
    joined(inserts.map((row) => row.endpointId)),
    joined(inserts.map((row) => row.isManual)),
    joined(inserts.map((row) => row.appId)),
    joined(inserts.map((row) => row.attemptNumber)),
    joined(inserts.map((row) => row.dueAtMs)),
    joined(inserts.map((row) => row.claim)),
    joined(inserts.map((row) => row.dispatchId)),
    joined(updates.map((row) => row.messageId)),
    joined(updates.map((row) => row.endpointId)),
    joined(updates.map((row) => row.isManual)),
    joined(updates.map((row) => row.claim)),
    joined(updates.map((row) => row.attemptNumber)),
    joined(updates.map((row) => row.dueAtMs)),
    joined(deletes.map((row) => row.messageId)),
    joined(deletes.map((row) => row.endpointId)),
    joined(deletes.map((row) => row.isManual)),
    joined(deletes.map((row) => row.claim)),
  ];
}
