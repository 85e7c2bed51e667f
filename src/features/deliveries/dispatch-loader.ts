import { Injectable } from '@nestjs/common';
import { MessagesService } from '@/features/messages/messages.service';
import { type DispatchMessage } from '@/features/messages/messages.types';
import { Metrics } from '@/infra/observability/metrics';
import { DeliveriesRepository } from './deliveries.repository';

/** The messages of a batch. */
export interface LoadedBatch {
  messages: readonly DispatchMessage[];
  /** Pairs `message endpoint` that need nothing more. */
  settled?: ReadonlySet<string>;
}

/** Reads a batch that is handed over again: its messages, and what an earlier run of it has settled. */
@Injectable()
export class DispatchLoader {
  constructor(
    private readonly repository: DeliveriesRepository,
    private readonly messages: MessagesService,
    private readonly metrics: Metrics,
  ) {}

  /** Undefined when the batch is settled already. */
  async load(dispatchId: string): Promise<LoadedBatch | undefined> {
    const row = await this.repository.findDispatch(dispatchId);
    if (row === undefined) {
      return undefined;
    }
    this.metrics.dispatchesRecovered.inc();
    const [stored, settled] = await Promise.all([
      this.messages.findMany(row.appIds, row.messageIds),
      this.repository.listSettled(row.messageIds),
    ]);
    const messages = stored.flatMap((message) =>
      message.payload === null
        ? []
        : [{ ...message, payload: message.payload, deliverAtMs: message.deliverAt?.getTime() ?? null }],
    );
    return { messages, settled };
  }
}
