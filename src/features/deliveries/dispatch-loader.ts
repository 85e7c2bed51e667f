import { Injectable } from '@nestjs/common';
import { GroupCommit } from '@libs/group-commit/group-commit';
import { Clock } from '@/common/clock';
import { MessagesService } from '@/features/messages/messages.service';
import { type DispatchMessage } from '@/features/messages/messages.types';
import { Metrics } from '@/infra/observability/metrics';
import { DeliveriesRepository, type DispatchRow } from './deliveries.repository';

/** The messages of a batch. */
export interface LoadedBatch {
  messages: readonly DispatchMessage[];
  /** Pairs `message endpoint` that need nothing more. */
  settled?: ReadonlySet<string>;
}

/** A batch that belongs to this process for a while. */
export interface ClaimedBatch {
  dispatchId: string;
  /** How many messages it has. */
  size: number;
  /** Begun later than this, it would not be settled while it belongs to this process. */
  beginsByMs: number;
  row: DispatchRow;
}

/** How long a batch that is worked on again belongs to this process; it is settled in little more than a second. */
const LEASE_MS = 15_000;
const SETTLING_MS = 5_000;
const MAX_CLAIMS = 100;
/** Batches read at once; each may be of 4 MiB. */
const MAX_LOADS = 16;
/** More than there can be under way. */
const MAX_WAITING = 10_000;

interface Wanted {
  row: DispatchRow;
  known?: readonly DispatchMessage[];
}

/**
 * Claims batches that may have been worked on before, and reads what of them is left to do: many at once, because after an
 * outage there are many, and those of a quiet time are of one message each.
 */
@Injectable()
export class DispatchLoader {
  private readonly claims: GroupCommit<string, ClaimedBatch | undefined>;
  private readonly loads: GroupCommit<Wanted, LoadedBatch>;

  constructor(
    private readonly repository: DeliveriesRepository,
    private readonly messages: MessagesService,
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {
    const common = { maxConcurrentFlushes: 2, maxWaiting: MAX_WAITING };
    this.claims = new GroupCommit({ flush: (ids) => this.claimMany(ids), maxItems: MAX_CLAIMS, ...common });
    this.loads = new GroupCommit({ flush: (wanted) => this.loadMany(wanted), maxItems: MAX_LOADS, ...common });
  }

  /** Undefined when the batch is settled already, or somebody else has it. */
  claim(dispatchId: string): Promise<ClaimedBatch | undefined> {
    return this.claims.submit(dispatchId);
  }

  /** Up to `limit` batches that nobody works on. */
  async claimFree(limit: number): Promise<ClaimedBatch[]> {
    const nowMs = this.clock.now();
    const rows = await this.repository.claimFreeDispatches(limit, LEASE_MS);
    return rows.map((row) => toClaimed(row, nowMs));
  }

  /** Reads the messages, unless they are `known`, and what an earlier run has settled. */
  load({ row }: ClaimedBatch, known?: readonly DispatchMessage[]): Promise<LoadedBatch> {
    if (known === undefined) {
      this.metrics.dispatchesRecovered.inc();
    }
    return this.loads.submit({ row, known });
  }

  private async claimMany(ids: string[]): Promise<(ClaimedBatch | undefined)[]> {
    const nowMs = this.clock.now();
    const rows = await this.repository.claimDispatches(ids, LEASE_MS);
    const claimed = new Map(rows.map((row) => [row.id, toClaimed(row, nowMs)]));
    return ids.map((id) => claimed.get(id));
  }

  private async loadMany(wanted: Wanted[]): Promise<LoadedBatch[]> {
    const unknown = wanted.filter(({ known }) => known === undefined).map(({ row }) => row);
    const [found, settled] = await Promise.all([
      this.findMessages(unknown),
      this.repository.listSettled(wanted.flatMap(({ row }) => row.messageIds)),
    ]);
    return wanted.map(({ row, known }) => ({
      messages: known ?? row.messageIds.flatMap((id) => found.get(id) ?? []),
      settled,
    }));
  }

  private async findMessages(rows: DispatchRow[]): Promise<Map<string, DispatchMessage>> {
    const stored = await this.messages.findMany(
      rows.flatMap(({ appIds }) => appIds),
      rows.flatMap(({ messageIds }) => messageIds),
    );
    const messages = new Map<string, DispatchMessage>();
    for (const message of stored) {
      if (message.payload !== null) {
        const deliverAtMs = message.deliverAt?.getTime() ?? null;
        messages.set(message.id, { ...message, payload: message.payload, deliverAtMs });
      }
    }
    return messages;
  }
}

function toClaimed(row: DispatchRow, claimedAtMs: number): ClaimedBatch {
  const beginsByMs = claimedAtMs + LEASE_MS - SETTLING_MS;
  return { dispatchId: row.id, size: row.messageIds.length, beginsByMs, row };
}
