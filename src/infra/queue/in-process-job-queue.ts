import { Injectable } from '@nestjs/common';
import { Logger } from '@/infra/observability/logger';
import { type ConsumeOptions, JobQueue, type QueueDefinition } from './job-queue';

/** What may wait in memory; further jobs are refused, and come back from the database when there is room. */
const MAX_WAITING_JOBS = 10_000;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Jobs under way hold their data, too: beyond this no further one begins. */
const MAX_ACTIVE_BYTES = 64 * 1024 * 1024;

interface Waiting {
  id: string;
  job: unknown;
  bytes: number;
}

class Lane {
  waitingBytes = 0;
  activeBytes = 0;
  readonly waiting = new Map<string, Waiting>();
  readonly active = new Map<string, Promise<void>>();
  consumer?: { concurrency: number; handler: (job: never) => Promise<void> };
}

/** The queue of a single process: bounded, in memory, first in first out. */
@Injectable()
export class InProcessJobQueue extends JobQueue {
  private readonly lanes = new Map<string, Lane>();
  private isStopped = false;

  constructor(private readonly log: Logger) {
    super();
  }

  async add<Job>(queue: QueueDefinition<Job>, id: string, job: Job): Promise<boolean> {
    const lane = this.laneOf(queue);
    if (lane.waiting.has(id) || lane.active.has(id)) {
      return true;
    }
    const bytes = queue.bytesOf(job);
    if (this.isStopped || lane.waiting.size >= MAX_WAITING_JOBS || lane.waitingBytes + bytes > MAX_WAITING_BYTES) {
      return false;
    }
    lane.waitingBytes += bytes;
    lane.waiting.set(id, { id, job, bytes });
    this.pump(lane);
    return true;
  }

  consume<Job>(queue: QueueDefinition<Job>, options: ConsumeOptions, handler: (job: Job) => Promise<void>): void {
    const lane = this.laneOf(queue);
    if (lane.consumer !== undefined) {
      throw new Error(`queue ${queue.name} has a consumer already`);
    }
    lane.consumer = { concurrency: options.concurrency, handler };
    this.pump(lane);
  }

  async waiting<Job>(queue: QueueDefinition<Job>): Promise<number> {
    return this.laneOf(queue).waiting.size;
  }

  /** It is in this process: while there is somebody to ask, it is there. */
  readonly isAvailable = true;

  async stop(): Promise<void> {
    this.isStopped = true;
    const active = [...this.lanes.values()].flatMap((lane) => [...lane.active.values()]);
    await Promise.all(active);
  }

  private laneOf(queue: { name: string }): Lane {
    let lane = this.lanes.get(queue.name);
    if (lane === undefined) {
      lane = new Lane();
      this.lanes.set(queue.name, lane);
    }
    return lane;
  }

  private pump(lane: Lane): void {
    const { consumer } = lane;
    while (consumer !== undefined && !this.isStopped && hasRoom(lane, consumer.concurrency)) {
      const next = lane.waiting.values().next();
      if (next.done) {
        return;
      }
      lane.waiting.delete(next.value.id);
      lane.waitingBytes -= next.value.bytes;
      this.run(lane, next.value, consumer.handler);
    }
  }

  private run(lane: Lane, { id, job, bytes }: Waiting, handler: (job: never) => Promise<void>): void {
    const running = handler(job as never)
      .catch((error: unknown) =>
        this.log.warn({ err: error, job: id }, 'a job failed; its work is in the database and comes again'),
      )
      .finally(() => {
        lane.active.delete(id);
        lane.activeBytes -= bytes;
        this.pump(lane);
      });
    lane.active.set(id, running);
    lane.activeBytes += bytes;
  }
}

function hasRoom(lane: Lane, concurrency: number): boolean {
  return lane.active.size < concurrency && lane.activeBytes < MAX_ACTIVE_BYTES;
}
