import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Clock } from '@/common/clock';
import { EndpointsService } from '@/features/endpoints/endpoints.service';
import { type DispatchJob, type DispatchMessage } from '@/features/messages/messages.types';
import { timeOfId } from '@libs/sortable-id/sortable-id';
import { Config } from '@/infra/config/config';
import { patiently } from '@/infra/database/patiently';
import { Logger } from '@/infra/observability/logger';
import { Metrics } from '@/infra/observability/metrics';
import { AttemptRecorder } from './attempt-recorder';
import { AttemptRunner } from './attempt-runner';
import { ByteBudget, type Holding } from './byte-budget';
import { ConcurrencyGate } from './concurrency-gate';
import { type Delivery } from './deliveries.types';
import { DispatchBatch } from './dispatch-batch';
import { type ClaimedBatch, DispatchLoader, type LoadedBatch } from './dispatch-loader';
import { DueSignal } from './due-signal';
import { isWanted } from './fan-out';
import { visibilityMsOf } from './visibility';

/** A batch that is not settled after this long is parked: the job must not wait for slow endpoints. */
const SOFT_DEADLINE_MS = 1_000;
const ADMISSION_POLL_MS = 2;
/** Most bytes of messages out of the database; the queue bounds those that come with their job. */
const MAX_LOADED_BYTES = 64 * 1024 * 1024;
/** What a batch may come to that is not read yet. */
const UNREAD_BYTES = 4 * 1024 * 1024;
/**
 * A batch that comes from the queue this young is begun without a claim. It is settled long before anybody else may begin
 * it, which is 5 s after it was written.
 */
const FRESH_MS = 2_000;

/** Where the messages of a batch come from. */
interface Source {
  messages?: readonly DispatchMessage[];
  holding?: Holding;
}

/** What to do with a batch. */
interface Plan {
  now: Delivery[];
  later: (Delivery & { dueAtMs: number })[];
}

/** Works on the queue `dispatch`: fans a batch of messages out to endpoints and makes the first attempts. */
@Injectable()
export class DispatchProcessor {
  private readonly budget: ConcurrencyGate;
  private readonly active = new Set<DispatchBatch>();
  private isStopping = false;
  private admission: Promise<void> = Promise.resolve();
  /** Messages that were read from the database, until their batch is settled. */
  private readonly loaded = new ByteBudget(MAX_LOADED_BYTES);

  constructor(
    private readonly endpoints: EndpointsService,
    private readonly loader: DispatchLoader,
    private readonly runner: AttemptRunner,
    private readonly recorder: AttemptRecorder,
    private readonly due: DueSignal,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly config: Config,
    private readonly log: Logger,
  ) {
    this.budget = new ConcurrencyGate(config.deliveryMaxInFlight);
  }

  /** Resolves when the batch is settled in the database. */
  async process({ dispatchId, messages }: DispatchJob): Promise<void> {
    await this.admit();
    if (messages !== undefined && this.isFresh(dispatchId)) {
      const plan = await patiently(() => this.fanOut({ messages }));
      // Reading the endpoints may have taken its time.
      if (this.isFresh(dispatchId)) {
        return this.run(dispatchId, plan);
      }
    }
    const holding = messages === undefined ? await this.loaded.take(UNREAD_BYTES) : undefined;
    try {
      const batch = await patiently(() => this.loader.claim(dispatchId));
      if (batch !== undefined) {
        await this.deliver(batch, { messages, holding });
      }
    } finally {
      holding?.release();
    }
  }

  /**
   * Resolves when there is room for the deliveries of another batch, one batch after the other. While first attempts
   * stand in line for the budget more of them would only be parked, and parking costs more than waiting in the queue.
   */
  private admit(): Promise<void> {
    this.admission = this.admission.then(async () => {
      while (this.budget.waiting('') >= this.config.deliveryMaxInFlight && !this.isStopping) {
        await delay(ADMISSION_POLL_MS);
      }
    });
    return this.admission;
  }

  /**
   * Takes up to `limit` batches that nobody works on out of the database. Returns how many, and how many messages they
   * have; `onSettled` is called for each when it is done.
   */
  async takeFree(limit: number, onSettled: (messages: number) => void): Promise<{ batches: number; messages: number }> {
    const room = await this.loaded.take(limit * UNREAD_BYTES);
    const claimed = await this.loader.claimFree(limit).finally(() => room.release());
    for (const batch of claimed) {
      const holding = this.loaded.hold(UNREAD_BYTES);
      void this.deliver(batch, { holding })
        .catch((error: unknown) =>
          this.log.warn({ err: error, dispatch: batch.dispatchId }, 'a batch failed; it comes again'),
        )
        .finally(() => {
          holding.release();
          onSettled(batch.size);
        });
    }
    return { batches: claimed.length, messages: claimed.reduce((sum, { size }) => sum + size, 0) };
  }

  /** With `messages` they need not be read; else `holding` is of their bytes. */
  private async deliver(claimed: ClaimedBatch, { messages, holding }: Source): Promise<void> {
    const loaded = await patiently(() => this.loader.load(claimed, messages));
    holding?.resize(bytesOf(loaded.messages));
    const plan = await patiently(() => this.fanOut(loaded));
    if (this.clock.now() > claimed.beginsByMs) {
      throw new Error('the batch was claimed too long ago: by the time that it is done, others may be at work on it');
    }
    await this.run(claimed.dispatchId, plan);
  }

  private async run(dispatchId: string, { now, later }: Plan): Promise<void> {
    const batch = new DispatchBatch(dispatchId, {
      runner: this.runner,
      budget: this.budget,
      recorder: this.recorder,
      now: () => this.clock.now(),
      visibilityMs: visibilityMsOf(this.config),
      onDue: (dueAtMs) => this.due.notify(dueAtMs),
    });
    this.active.add(batch);
    try {
      await batch.run(now, later, this.isStopping ? 0 : SOFT_DEADLINE_MS);
    } finally {
      this.active.delete(batch);
    }
  }

  /** Parks every batch, so that the queue can stop without waiting for endpoints. */
  park(): void {
    this.isStopping = true;
    this.loaded.open();
    for (const batch of this.active) {
      batch.park();
    }
  }

  /** A job that comes late may stand for a batch that was worked on meanwhile: the database says. */
  private isFresh(dispatchId: string): boolean {
    return this.clock.now() - timeOfId(dispatchId) < FRESH_MS;
  }

  private async fanOut({ messages, settled }: LoadedBatch): Promise<Plan> {
    const nowMs = this.clock.now();
    const now: Delivery[] = [];
    const later: Plan['later'] = [];
    const ofApp = new Map<string, Awaited<ReturnType<EndpointsService['forDelivery']>>>();
    for (const message of messages) {
      let endpoints = ofApp.get(message.appId);
      if (endpoints === undefined) {
        endpoints = await this.endpoints.forDelivery(message.appId);
        ofApp.set(message.appId, endpoints);
      }
      this.metrics.firstAttemptLagSeconds.observe(Math.max(0, nowMs - timeOfId(message.id)) / 1000);
      for (const endpoint of endpoints.values()) {
        if (!isWanted(message, endpoint) || settled?.has(`${message.id} ${endpoint.id}`)) {
          continue;
        }
        const delivery = { message, endpoint, attemptNumber: 0, isManual: false };
        if (message.deliverAtMs !== null && message.deliverAtMs > nowMs) {
          later.push({ ...delivery, dueAtMs: message.deliverAtMs });
        } else {
          now.push(delivery);
        }
      }
    }
    return { now, later };
  }
}

function bytesOf(messages: readonly DispatchMessage[]): number {
  return messages.reduce((bytes, { payload }) => bytes + payload.length, 0);
}
