import { Injectable } from '@nestjs/common';
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

/** Claims batches that may have been worked on before, and reads what of them is left to do. */
@Injectable()
export class DispatchLoader {
  constructor(
    private readonly repository: DeliveriesRepository,
    private readonly messages: MessagesService,
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {}

  /** Undefined when the batch is settled already, or somebody else has it. */
  async claim(dispatchId: string): Promise<ClaimedBatch | undefined> {
    const nowMs = this.clock.now();
    const row = await this.repository.claimDispatch(dispatchId, LEASE_MS);
    return row && toClaimed(row, nowMs);
  }

  /** Up to `limit` batches that nobody works on. */
  async claimFree(limit: number): Promise<ClaimedBatch[]> {
    const nowMs = this.clock.now();
    const rows = await this.repository.claimFreeDispatches(limit, LEASE_MS);
    return rows.map((row) => toClaimed(row, nowMs));
  }

  /** Reads the messages, unless they are `known`, and what an earlier run has settled. */
  async load({ row }: ClaimedBatch, known?: readonly DispatchMessage[]): Promise<LoadedBatch> {
    if (known === undefined) {
      this.metrics.dispatchesRecovered.inc();
    }
    const [messages, settled] = await Promise.all([
      known ?? this.findMessages(row),
      this.repository.listSettled(row.messageIds),
    ]);
    return { messages, settled };
  }

  private async findMessages({ appIds, messageIds }: DispatchRow): Promise<DispatchMessage[]> {
    const stored = await this.messages.findMany(appIds, messageIds);
    return stored.flatMap((message) =>
      message.payload === null
        ? []
        : [{ ...message, payload: message.payload, deliverAtMs: message.deliverAt?.getTime() ?? null }],
    );
  }
}

function toClaimed(row: DispatchRow, claimedAtMs: number): ClaimedBatch {
  const beginsByMs = claimedAtMs + LEASE_MS - SETTLING_MS;
  return { dispatchId: row.id, size: row.messageIds.length, beginsByMs, row };
}
