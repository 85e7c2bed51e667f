import { type DynamicModule } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { type Config } from '@/infra/config/config';
import { Logger } from '@/infra/observability/logger';
import { BullConnections } from './bull-job-queue';
import { JobQueue } from './job-queue';
import { QueueModule } from './queue.module';

const SILENT: Logger = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
};

class LogModule {
  static of(log: Logger): DynamicModule {
    return { module: LogModule, global: true, providers: [{ provide: Logger, useValue: log }], exports: [Logger] };
  }
}

/** A `BullJobQueue` as a process of its own would have it. */
export class TestBullQueue {
  private constructor(private readonly module: TestingModule) {}

  /** The connections take a moment: wait for `isAvailable`. Locks are short. */
  static async open(config: Config, names: readonly string[], log: Logger = SILENT): Promise<TestBullQueue> {
    const queues = QueueModule.register(config, names, { lockMs: 500, stalledCheckMs: 200 });
    const module = await Test.createTestingModule({ imports: [LogModule.of(log), queues] }).compile();
    return new TestBullQueue(await module.init());
  }

  get queue(): JobQueue {
    return this.module.get(JobQueue, { strict: false });
  }

  /** As Redis sees the death of the process: from now on it says nothing more. */
  cutOff(): void {
    this.module.get(BullConnections, { strict: false }).clients.forEach((client) => client.disconnect());
  }

  async close(): Promise<void> {
    await this.module.close();
  }
}
