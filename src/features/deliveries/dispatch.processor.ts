import { Injectable } from '@nestjs/common';
import { Clock } from '@/common/clock';
import { EndpointsService } from '@/features/endpoints/endpoints.service';
import { type DispatchJob, type DispatchMessage } from '@/features/messages/messages.types';
import { timeOfId } from '@libs/sortable-id/sortable-id';
import { Config } from '@/infra/config/config';
import { Metrics } from '@/infra/observability/metrics';
import { AttemptRecorder } from './attempt-recorder';
import { AttemptRunner } from './attempt-runner';
import { ConcurrencyGate } from './concurrency-gate';
import { type Delivery } from './deliveries.types';
import { DispatchBatch } from './dispatch-batch';
import { DispatchLoader, type LoadedBatch } from './dispatch-loader';
import { DueSignal } from './due-signal';
import { isWanted } from './fan-out';
import { visibilityMsOf } from './visibility';

/** A batch that is not settled after this long is parked: the job must not wait for slow endpoints. */
const SOFT_DEADLINE_MS = 1_000;

type Later = Delivery & { dueAtMs: number };

/** Works on the queue `dispatch`: fans a batch of messages out to endpoints and makes the first attempts. */
@Injectable()
export class DispatchProcessor {
  private readonly budget: ConcurrencyGate;
  private readonly active = new Set<DispatchBatch>();
  private isStopping = false;

  constructor(
    private readonly endpoints: EndpointsService,
    private readonly loader: DispatchLoader,
    private readonly runner: AttemptRunner,
    private readonly recorder: AttemptRecorder,
    private readonly due: DueSignal,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly config: Config,
  ) {
    this.budget = new ConcurrencyGate(config.deliveryMaxInFlight);
  }

  /** Resolves when the batch is settled in the database. */
  async process(job: DispatchJob): Promise<void> {
    const loaded: LoadedBatch | undefined =
      job.messages === undefined ? await this.loader.load(job.dispatchId) : { messages: job.messages };
    if (loaded === undefined) {
      return;
    }
    const { now, later } = await this.fanOut(loaded.messages, loaded.settled);
    const batch = new DispatchBatch(job.dispatchId, {
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
    for (const batch of this.active) {
      batch.park();
    }
  }

  private async fanOut(
    messages: readonly DispatchMessage[],
    settled?: ReadonlySet<string>,
  ): Promise<{ now: Delivery[]; later: Later[] }> {
    const nowMs = this.clock.now();
    const now: Delivery[] = [];
    const later: Later[] = [];
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
