import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { GroupCommit, GroupCommitOverloadError } from '@libs/group-commit/group-commit';
import { newId } from '@libs/sortable-id/sortable-id';
import { UnavailableError } from '@/common/app-error';
import { Clock } from '@/common/clock';
import { Metrics } from '@/infra/observability/metrics';
import { JobQueue } from '@/infra/queue/job-queue';
import { DISPATCH_QUEUE } from './dispatch.queue';
import { MessagesRepository } from './messages.repository';
import { type NewMessage } from './messages.types';

const MAX_MESSAGES = 500;
const MAX_BYTES = 4 * 1024 * 1024;
/** Beyond this the caller is better off with a 503 at once than with a place at the end of the line. */
const MAX_WAITING = 5_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** Two commits overlap: one waits for the disk while the other is being sent. */
const CONCURRENT_COMMITS = 2;

/**
 * Writes messages durably, many requests in one transaction, and hands each batch to the workers.
 *
 * `write` resolves after the COMMIT: true when the message is stored, false when its idempotency key or its eventId is
 * taken, and then nothing of it is stored. The outbox row of the batch (`dispatch`) is part of the same transaction, so
 * a batch that never reaches the queue is handed over again later.
 */
@Injectable()
export class MessageWriter implements BeforeApplicationShutdown {
  private readonly commits: GroupCommit<NewMessage, boolean>;

  constructor(
    private readonly repository: MessagesRepository,
    private readonly queue: JobQueue,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
  ) {
    this.commits = new GroupCommit({
      flush: (messages) => this.commit(messages),
      maxItems: MAX_MESSAGES,
      maxBytes: MAX_BYTES,
      sizeOf: (message) => message.payload.length,
      maxConcurrentFlushes: CONCURRENT_COMMITS,
      maxWaiting: MAX_WAITING,
      maxWaitingBytes: MAX_WAITING_BYTES,
    });
    metrics.gauge('posthorn_write_waiting', 'Messages that wait for a commit.', () => this.commits.waiting);
  }

  async write(message: NewMessage): Promise<boolean> {
    try {
      return await this.commits.submit(message);
    } catch (error) {
      if (error instanceof GroupCommitOverloadError) {
        throw new UnavailableError('Too many messages wait to be written; nothing was accepted.', 1, { cause: error });
      }
      throw error;
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.commits.drain();
  }

  private async commit(messages: NewMessage[]): Promise<boolean[]> {
    const dispatchId = newId('dsp', this.clock.now());
    const stop = this.metrics.writeSeconds.startTimer();
    // Decided before the COMMIT: a batch is either the queue's or free for all, or two workers could begin it.
    const isForQueue = this.queue.isAvailable;
    const isStored = await this.repository.insertBatch(dispatchId, messages, !isForQueue);
    stop();
    const stored = messages.filter((_, index) => isStored[index]);
    this.metrics.writeBatchSize.observe(messages.length);
    this.metrics.messagesAccepted.inc(stored.length);
    if (stored.length > 0 && isForQueue) {
      // The ack does not wait for the queue.
      void this.handOver(dispatchId, stored);
    }
    return isStored;
  }

  /**
   * A queue that has no room for the messages gets the id of the batch, and the worker reads them from the database. One
   * that takes not even that is no loss: the outbox row is committed, and the scheduler hands it over.
   */
  private async handOver(dispatchId: string, messages: NewMessage[]): Promise<void> {
    if (!(await this.queue.add(DISPATCH_QUEUE, dispatchId, { dispatchId, messages }))) {
      await this.queue.add(DISPATCH_QUEUE, dispatchId, { dispatchId });
    }
  }
}
