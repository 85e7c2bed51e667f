import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Clock } from '@/common/clock';
import { DISPATCH_QUEUE } from '@/features/messages/dispatch.queue';
import { JobQueue } from '@/infra/queue/job-queue';
import { DeliveriesRepository } from './deliveries.repository';
import { DispatchProcessor } from './dispatch.processor';
import { OutageGuard } from './outage-guard';

const MAX_DISPATCHES = 1_000;
/** A batch is settled about a second after it was written; one that is older than this was not handed over. */
const STRANDED_AFTER_MS = 5_000;
/** A job that was added again and has done nothing after this long never will. */
const STUCK_AFTER_MS = 20_000;
/** Batches claimed at once, and messages under way beyond which no more are claimed. */
const CLAIM_BATCHES = 16;
const MAX_MESSAGES = 5_000;
const DRAIN_POLL_MS = 20;

/**
 * Batches that do not come through the queue. A row of `dispatch` says who may begin with it: it is the queue's
 * (`claimed_until` is null), free for all (in the past) or leased (in the future).
 */
@Injectable()
export class StrandedDispatches {
  private batchesUnderWay = 0;
  private messagesUnderWay = 0;
  private isStopping = false;
  private readonly guard: OutageGuard;
  /** When each stranded batch was first handed over again. */
  private handedOver = new Map<string, number>();

  constructor(
    private readonly repository: DeliveriesRepository,
    private readonly processor: DispatchProcessor,
    private readonly queue: JobQueue,
    private readonly clock: Clock,
  ) {
    this.guard = new OutageGuard(() => repository.ping(), clock);
  }

  /**
   * Hands batches over again whose job was never added, or was lost. A job that still waits or runs keeps its place:
   * adding it again is a no-op. What does not help in the end, or while the queue is out of reach, becomes free.
   */
  async handOver(olderThanMs = STRANDED_AFTER_MS): Promise<void> {
    const nowMs = this.clock.now();
    const known = this.handedOver;
    this.handedOver = new Map(); // forgotten also when the database is away: meanwhile nobody can have done anything
    const ids = await this.repository.listStrandedDispatches(nowMs - olderThanMs, MAX_DISPATCHES);
    this.handedOver = new Map(ids.map((id) => [id, known.get(id) ?? nowMs]));
    await this.repository.freeDispatches(ids.filter((id) => nowMs - (known.get(id) ?? nowMs) > STUCK_AFTER_MS));
    for (const [index, id] of ids.entries()) {
      if (!(await this.queue.add(DISPATCH_QUEUE, id, { dispatchId: id }))) {
        if (!this.queue.isAvailable) {
          await this.repository.freeDispatches(ids.slice(index));
        }
        return;
      }
    }
  }

  /** Works on free batches here; on a worker that does not reach the queue also on stranded ones. */
  async takeFree(): Promise<void> {
    await this.guard.run(() => this.takeWhatFits());
  }

  /** Takes nothing more; resolves when all that was taken is settled. */
  async drain(): Promise<void> {
    this.isStopping = true;
    while (this.batchesUnderWay > 0) {
      await delay(DRAIN_POLL_MS);
    }
  }

  private async takeWhatFits(): Promise<void> {
    if (!this.queue.isAvailable) {
      const beforeMs = this.clock.now() - STRANDED_AFTER_MS;
      await this.repository.freeDispatches(await this.repository.listStrandedDispatches(beforeMs, MAX_DISPATCHES));
    }
    let taken = CLAIM_BATCHES;
    while (taken === CLAIM_BATCHES && this.messagesUnderWay < MAX_MESSAGES && !this.isStopping) {
      const { batches, messages } = await this.processor.takeFree(CLAIM_BATCHES, (settled) => {
        this.batchesUnderWay--;
        this.messagesUnderWay -= settled;
      });
      this.batchesUnderWay += batches;
      this.messagesUnderWay += messages;
      taken = batches;
    }
  }
}
