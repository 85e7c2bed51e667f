import { type PendingDelivery, type PendingKey } from './deliveries.types';

/** A new row of `pending_delivery`; written only while its dispatch row exists, so that a batch settles once. */
export interface PendingInsert extends PendingDelivery {
  dispatchId: string;
  dueAtMs: number;
  /** Set when an attempt is under way: `dueAtMs` is then when it is given up for lost. */
  claim: string | null;
}

/** The next step of a row that this process has claimed. */
export interface PendingUpdate extends PendingKey {
  claim: string;
  dueAtMs: number;
  attemptNumber: number;
}

/** The end of a row that this process has claimed. */
export interface PendingDelete extends PendingKey {
  claim: string;
}

/**
 * Gathers what one transaction does to `pending_delivery`. One statement must not touch a row twice, so a step that
 * follows on an insert of the same transaction is folded into it.
 */
export class PendingChanges {
  private readonly inserts = new Map<string, PendingInsert>();
  private readonly updates = new Map<string, PendingUpdate>();
  private readonly deletes = new Map<string, PendingDelete>();

  insert(row: PendingInsert): void {
    this.inserts.set(keyOf(row), row);
  }

  update(step: PendingUpdate): void {
    const inserted = this.inserts.get(keyOf(step));
    if (inserted?.claim === step.claim) {
      this.inserts.set(keyOf(step), { ...inserted, ...step, claim: null });
      return;
    }
    this.updates.set(keyOf(step), step);
  }

  delete(step: PendingDelete): void {
    const inserted = this.inserts.get(keyOf(step));
    if (inserted?.claim === step.claim) {
      this.inserts.delete(keyOf(step));
      return;
    }
    this.updates.delete(keyOf(step));
    this.deletes.set(keyOf(step), step);
  }

  get isEmpty(): boolean {
    return this.inserts.size + this.updates.size + this.deletes.size === 0;
  }

  list(): { inserts: PendingInsert[]; updates: PendingUpdate[]; deletes: PendingDelete[] } {
    return {
      inserts: [...this.inserts.values()],
      updates: [...this.updates.values()],
      deletes: [...this.deletes.values()],
    };
  }
}

function keyOf(key: PendingKey): string {
  return `${key.messageId} ${key.endpointId} ${key.isManual}`;
}
