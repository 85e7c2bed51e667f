import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Config } from '@/infra/config/config';
import { DatabaseHold } from '@/infra/database/database-hold';
import { Metrics } from '@/infra/observability/metrics';
import { AttemptSender } from './attempt-sender';
import { ConcurrencyGate } from './concurrency-gate';
import { type AttemptOutcome, type Delivery, type NextAttempt } from './deliveries.types';
import { EndpointHealth } from './endpoint-health';
import { isOverloaded, nextAttemptOf } from './next-attempt';

/** An attempt that was made, and what follows from it. */
export interface AttemptResult {
  outcome: AttemptOutcome;
  /** Undefined when the delivery is finished. */
  next: NextAttempt | undefined;
}

const DRAIN_POLL_MS = 20;

/** Makes attempts: first attempts and later ones alike, at most one at a time for a message and endpoint. */
@Injectable()
export class AttemptRunner {
  /** A place per endpoint; taken before `run`, which gives it back. */
  readonly gate: ConcurrencyGate;
  private readonly underWay = new Set<string>();
  private readonly scheduleMs: readonly number[];

  constructor(
    private readonly sender: AttemptSender,
    private readonly health: EndpointHealth,
    private readonly hold: DatabaseHold,
    config: Config,
    metrics: Metrics,
  ) {
    this.gate = new ConcurrencyGate(config.endpointMaxInFlight);
    this.scheduleMs = config.retryScheduleSeconds.map((seconds) => seconds * 1000);
    metrics.gauge('posthorn_attempts_in_flight', 'Attempts under way.', () => this.underWay.size);
  }

  /**
   * True while this message is on its way to this endpoint, by whatever cause, and while another process may take the
   * database over: it would make the same attempts.
   */
  mustWait(messageId: string, endpointId: string): boolean {
    return !this.hold.isHeld || this.underWay.has(pairOf(messageId, endpointId));
  }

  /** Resolves when no attempt is under way. */
  async drain(): Promise<void> {
    while (this.underWay.size > 0) {
      await delay(DRAIN_POLL_MS);
    }
  }

  /** Needs a place of `gate`. Never rejects. */
  async run(delivery: Delivery): Promise<AttemptResult> {
    const { message, endpoint } = delivery;
    const pair = pairOf(message.id, endpoint.id);
    this.underWay.add(pair);
    const outcome = await this.sender.send(delivery);
    this.underWay.delete(pair);
    this.gate.leave(endpoint.id, outcome.isSuccess ? 'accepted' : isOverloaded(outcome) ? 'overloaded' : 'other');
    this.health.observe(endpoint, outcome);
    return { outcome, next: nextAttemptOf(delivery, outcome, this.scheduleMs) };
  }
}

function pairOf(messageId: string, endpointId: string): string {
  return `${messageId} ${endpointId}`;
}
