import { Injectable } from '@nestjs/common';
import { Clock } from '@/common/clock';
import { DISPATCH_QUEUE } from '@/features/messages/dispatch.queue';
import { JobQueue } from '@/infra/queue/job-queue';
import { DeliveriesRepository } from './deliveries.repository';

const MAX_DISPATCHES = 1_000;
/** A batch is settled about a second after it was written; one that is older than this was not handed over. */
const STRANDED_AFTER_MS = 5_000;

/** Hands batches over again whose job was never added, or was lost. */
@Injectable()
export class StrandedDispatches {
  constructor(
    private readonly repository: DeliveriesRepository,
    private readonly queue: JobQueue,
    private readonly clock: Clock,
  ) {}

  /** A job that still waits or runs keeps its place: adding it again is a no-op. */
  async handOver(olderThanMs = STRANDED_AFTER_MS): Promise<void> {
    for (const { id } of await this.repository.listDispatches(this.clock.now() - olderThanMs, MAX_DISPATCHES)) {
      if (!(await this.queue.add(DISPATCH_QUEUE, id, { dispatchId: id }))) {
        return;
      }
    }
  }
}
