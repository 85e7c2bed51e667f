import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { getQueueToken } from '@nestjs/bull';
import { type Queue } from 'bull';
import { type Cluster, type Redis } from 'ioredis';
import { Logger } from '@/infra/observability/logger';
import { withDeadline } from '@/common/with-deadline';
import { type ConsumeOptions, JobQueue, type QueueDefinition } from './job-queue';

/** Largest job; what is larger goes by reference. */
const MAX_JOB_BYTES = 1024 * 1024;
/** Redis must not fill up while no worker runs: beyond this many waiting jobs only small ones are taken. */
const MAX_WAITING_LARGE_JOBS = 1_000;
const MAX_WAITING_JOBS = 50_000;
const SMALL_JOB_BYTES = 4096;
/** Bull polls Redis for each place, so that more of them cost more than they bring. */
const MAX_CONCURRENCY = 128;
const COMMAND_DEADLINE_MS = 2_000;
/** Redis is asked this often whether it is there, so that one which has stopped answering is noticed without traffic. */
const PROBE_EVERY_MS = 1_000;
const PROBE_DEADLINE_MS = 1_000;
const COUNT_EVERY_MS = 500;
/** What Bull says of a job that Redis has forgotten, or given to another worker, while it ran: no trouble of Redis. */
const JOB_IS_GONE = /Missing (key|lock) for job|is not in the active state|Lock mismatch for job/;

/** The job as Bull keeps it: one text, so that Redis never sees its structure. */
interface Envelope {
  text: string;
}

/** What the module registered with Bull. */
export class BullConnections {
  /** Connections that Bull has opened; with a factory of one's own it leaves closing them to others. */
  readonly clients: (Redis | Cluster)[] = [];

  constructor(readonly queueNames: readonly string[]) {}
}

/** The queue between processes: Bull on Redis. Nothing is ever only here. */
@Injectable()
export class BullJobQueue extends JobQueue implements OnModuleInit, OnApplicationShutdown {
  private readonly counts = new Map<string, { waiting: number; atMs: number }>();
  private readonly consumed = new Set<string>();
  private isInTrouble = false;
  private probe: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(
    private readonly modules: ModuleRef,
    private readonly log: Logger,
    private readonly connections: BullConnections,
  ) {
    super();
  }

  /** Bull reports every lost connection as an error event. */
  onModuleInit(): void {
    for (const queue of this.queues) {
      queue.on('error', (error) => this.onError(error));
    }
    this.probe = setInterval(() => void this.ask(), PROBE_EVERY_MS);
  }

  /** Roles that consume have stopped before; what is left is idle. */
  async onApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.probe);
    await Promise.all(
      this.queues.map((queue) =>
        withDeadline(queue.close(), COMMAND_DEADLINE_MS).catch((error: unknown) =>
          this.log.debug({ err: error }, 'the queue could not be closed; its connections are cut'),
        ),
      ),
    );
    this.connections.clients.forEach((client) => client.disconnect());
  }

  async add<Job>(queue: QueueDefinition<Job>, id: string, job: Job): Promise<boolean> {
    const bytes = queue.bytesOf(job);
    if (this.isStopped || !this.isAvailable || bytes > MAX_JOB_BYTES) {
      return false;
    }
    try {
      const bull = this.queueOf(queue.name);
      const waiting = await this.recentCount(bull);
      if (waiting > (bytes > SMALL_JOB_BYTES ? MAX_WAITING_LARGE_JOBS : MAX_WAITING_JOBS)) {
        return false;
      }
      const envelope: Envelope = { text: queue.encode(job) };
      const options = { jobId: id, removeOnComplete: true, removeOnFail: true };
      await withDeadline(bull.add(envelope, options), COMMAND_DEADLINE_MS);
      return true;
    } catch (error) {
      this.onError(error);
      return false;
    }
  }

  consume<Job>(queue: QueueDefinition<Job>, options: ConsumeOptions, handler: (job: Job) => Promise<void>): void {
    if (this.consumed.has(queue.name)) {
      throw new Error(`queue ${queue.name} has a consumer already`);
    }
    this.consumed.add(queue.name);
    const bull = this.queueOf(queue.name);
    bull
      .process(Math.min(options.concurrency, MAX_CONCURRENCY), async (job) => {
        // When Redis forgets a job just then, Bull makes a part of it again, by writing down its start or its failure. Such a
        // rest would never run, and keep the job from being added again: so no rest may stay. A job that failed ends like
        // all others, because the database has its work.
        job.moveToFailed = () => Promise.resolve(null);
        const { text } = job.data as Partial<Envelope>;
        if (text === undefined) {
          await bull.client.del(bull.toKey(String(job.id)));
          return;
        }
        try {
          await handler(queue.decode(text));
        } catch (error) {
          this.log.warn({ err: error, job: job.id }, 'a job failed; its work is in the database and comes again');
        }
      })
      .catch((error: unknown) => this.onError(error));
  }

  async waiting<Job>(queue: QueueDefinition<Job>): Promise<number> {
    return withDeadline(this.queueOf(queue.name).getWaitingCount(), COMMAND_DEADLINE_MS);
  }

  get isAvailable(): boolean {
    return !this.isInTrouble && this.isConnected();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await Promise.all(
      this.queues.map((queue) =>
        withDeadline(queue.pause(true), COMMAND_DEADLINE_MS * 2).catch((error: unknown) =>
          // Jobs that stay active are taken up by another worker when their lock expires.
          this.log.warn({ err: error }, 'the queue could not be paused'),
        ),
      ),
    );
  }

  private isConnected(): boolean {
    return this.queues.every((queue) => queue.client.status === 'ready');
  }

  private get queues(): Queue[] {
    return this.connections.queueNames.map((name) => this.queueOf(name));
  }

  private async ask(): Promise<void> {
    try {
      await Promise.all(this.queues.map((queue) => withDeadline(queue.client.ping(), PROBE_DEADLINE_MS)));
    } catch (error) {
      this.onError(error);
      return;
    }
    if (this.isInTrouble) {
      this.isInTrouble = false;
      this.log.warn({}, 'Redis is available again');
    }
  }

  private queueOf(name: string): Queue {
    return this.modules.get<Queue>(getQueueToken(name), { strict: false });
  }

  /** Asked at most twice a second, so that the bound costs no round trip of its own. */
  private async recentCount(bull: Queue): Promise<number> {
    const known = this.counts.get(bull.name);
    if (known !== undefined && Date.now() - known.atMs < COUNT_EVERY_MS) {
      return known.waiting;
    }
    const count = { waiting: known?.waiting ?? 0, atMs: Date.now() };
    this.counts.set(bull.name, count);
    count.waiting = await withDeadline(bull.getWaitingCount(), COMMAND_DEADLINE_MS);
    return count.waiting;
  }

  private onError(error: unknown): void {
    if (error instanceof Error && JOB_IS_GONE.test(error.message)) {
      this.log.debug({ err: error }, 'Redis has forgotten a job while it ran');
      return;
    }
    if (!this.isInTrouble && !this.isStopped) {
      this.isInTrouble = true;
      this.log.warn({ err: error }, 'Redis is not available; messages are accepted, and delivered from the database');
    }
  }
}
