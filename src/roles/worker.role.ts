import { type BeforeApplicationShutdown, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { AttemptRecorder } from '@/features/deliveries/attempt-recorder';
import { AttemptRunner } from '@/features/deliveries/attempt-runner';
import { DeliveriesModule } from '@/features/deliveries/deliveries.module';
import { DeliveryRecovery } from '@/features/deliveries/delivery-recovery';
import { DispatchProcessor } from '@/features/deliveries/dispatch.processor';
import { DuePoller } from '@/features/deliveries/due-poller';
import { StrandedDispatches } from '@/features/deliveries/stranded-dispatches';
import { DISPATCH_QUEUE } from '@/features/messages/dispatch.queue';
import { Config } from '@/infra/config/config';
import { Logger } from '@/infra/observability/logger';
import { JobQueue } from '@/infra/queue/job-queue';
import { PeriodicTasks } from '@/infra/scheduling/periodic-tasks';

/**
 * Batches under way at once. A quiet moment makes batches of one message, and one to a slow endpoint is under way for a
 * second: many must fit. What bounds the work is the budget of first attempts, and the bytes that the queue lets out.
 */
const DISPATCH_CONCURRENCY = 512;

/** What is left of the time to stop for everything that comes after the outcomes are written. */
const STOP_MARGIN_MS = 2_000;

/** How often a worker looks for batches that do not come through the queue. */
const FREE_EVERY_MS = 500;

/** Delivers. Every queue and its processor is listed here. */
@Module({ imports: [DeliveriesModule] })
export class WorkerRole implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly tasks: PeriodicTasks;

  constructor(
    private readonly queue: JobQueue,
    private readonly dispatches: DispatchProcessor,
    private readonly poller: DuePoller,
    private readonly recovery: DeliveryRecovery,
    private readonly runner: AttemptRunner,
    private readonly recorder: AttemptRecorder,
    private readonly stranded: StrandedDispatches,
    private readonly log: Logger,
    private readonly config: Config,
  ) {
    this.tasks = new PeriodicTasks(
      [{ name: 'free dispatches', everyMs: FREE_EVERY_MS, run: () => stranded.takeFree() }],
      log,
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.config.redisUrl.length === 0) {
      await this.recovery.run();
    }
    this.queue.consume(DISPATCH_QUEUE, { concurrency: DISPATCH_CONCURRENCY }, (job) => this.dispatches.process(job));
    this.poller.start();
    this.tasks.start();
  }

  /**
   * Takes nothing new, parks what waits, finishes what is under way, writes it all down. While the database is away the
   * last takes until shortly before the deadline; what is not written then is repeated.
   */
  async beforeApplicationShutdown(): Promise<void> {
    const timeoutMs = this.config.shutdownTimeoutSeconds * 1000;
    const deadline = setTimeout(() => this.giveUp(), Math.max(timeoutMs - STOP_MARGIN_MS, timeoutMs / 2));
    await this.finish();
    clearTimeout(deadline);
  }

  private giveUp(): void {
    const outcomes = this.recorder.giveUp();
    if (outcomes > 0) {
      this.log.warn({ outcomes }, 'outcomes could not be written before the stop; their deliveries are repeated');
      process.exitCode = 1;
    }
  }

  private async finish(): Promise<void> {
    await this.poller.stop();
    const stopped = this.tasks.beforeApplicationShutdown();
    this.dispatches.park();
    await this.queue.stop();
    await stopped;
    await this.stranded.drain();
    await this.runner.drain();
    await this.recorder.drain();
  }
}
