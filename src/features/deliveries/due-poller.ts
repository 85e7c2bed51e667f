import { Injectable } from '@nestjs/common';
import { Clock } from '@/common/clock';
import { Logger } from '@/infra/observability/logger';
import { DueDeliveries } from './due-deliveries';
import { DueSignal } from './due-signal';

/** Longest sleep: what other processes write is found at least this often. */
const MAX_SLEEP_MS = 1_000;
/** Shortest sleep between two looks that found nothing, so that a signal storm costs little. */
const MIN_SLEEP_MS = 10;

/** Asks for due deliveries whenever this process knows that something is due, and once a second anyway. */
@Injectable()
export class DuePoller {
  private timer: NodeJS.Timeout | undefined;
  private wakeAtMs = Infinity;
  private isStopped = true;
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly due: DueDeliveries,
    private readonly signal: DueSignal,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  start(): void {
    this.isStopped = false;
    this.signal.listen((dueAtMs) => this.wakeBy(dueAtMs));
    this.wakeBy(this.clock.now());
  }

  /** Looks no more; what is under way goes on until `DueDeliveries.drain`. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.looking;
  }

  private wakeBy(dueAtMs: number): void {
    // Never far ahead: what is due later is found in time anyway, and timers end at 24 days.
    const nowMs = this.clock.now();
    const atMs = Math.max(Math.min(dueAtMs, nowMs + MAX_SLEEP_MS), nowMs + MIN_SLEEP_MS);
    if (this.isStopped || atMs >= this.wakeAtMs) {
      return;
    }
    this.wakeAtMs = atMs;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      // Now, not when the look begins: it may have to wait for the one before, and what is told meanwhile must count.
      this.wakeAtMs = Infinity;
      this.looking = this.looking.then(() => this.look());
    }, atMs - nowMs);
  }

  private async look(): Promise<void> {
    try {
      let hasMore = true;
      while (hasMore && !this.isStopped) {
        hasMore = await this.due.work((dueAtMs) => this.wakeBy(dueAtMs));
      }
    } catch (error) {
      this.log.warn({ err: error }, 'due deliveries could not be read; trying again in a second');
    }
    this.wakeBy(this.clock.now() + MAX_SLEEP_MS);
  }
}
