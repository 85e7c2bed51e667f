import { type BeforeApplicationShutdown } from '@nestjs/common';
import { type Logger } from '@/infra/observability/logger';

/** Work that is done again and again; running it twice, or in two processes at once, must do no harm. */
export interface PeriodicTask {
  /** For the log. */
  name: string;
  /** From the end of one run to the beginning of the next. */
  everyMs: number;
  run(): Promise<void>;
}

/** Runs each task by itself, never twice at once; a run that fails is logged and tried again at its next time. */
export class PeriodicTasks implements BeforeApplicationShutdown {
  private readonly timers = new Map<PeriodicTask, NodeJS.Timeout>();
  private readonly running = new Set<Promise<void>>();
  private isStopped = false;

  constructor(
    private readonly tasks: readonly PeriodicTask[],
    private readonly log: Logger,
  ) {}

  start(): void {
    for (const task of this.tasks) {
      this.schedule(task);
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    for (const timer of this.timers.values()) {
      clearTimeout(timer);
    }
    await Promise.all(this.running);
  }

  private schedule(task: PeriodicTask): void {
    if (this.isStopped) {
      return;
    }
    const timer = setTimeout(() => {
      const run = this.runOnce(task).finally(() => {
        this.running.delete(run);
        this.schedule(task);
      });
      this.running.add(run);
    }, task.everyMs);
    this.timers.set(task, timer);
  }

  private async runOnce(task: PeriodicTask): Promise<void> {
    try {
      await task.run();
    } catch (error) {
      this.log.warn({ err: error, task: task.name }, 'a periodic task failed; it runs again at its next time');
    }
  }
}
