import { type AttemptRecorder, type RecordStep } from './attempt-recorder';
import { type AttemptResult, type AttemptRunner } from './attempt-runner';
import { type ConcurrencyGate, type Ticket } from './concurrency-gate';
import { type Delivery } from './deliveries.types';
import { type PendingInsert } from './pending-changes';
import { placesOf } from './places';

/** What a batch works with. */
export interface BatchTools {
  runner: AttemptRunner;
  /** Bounds all first attempts of the process; its only key is the empty text. */
  budget: ConcurrencyGate;
  recorder: AttemptRecorder;
  now: () => number;
  /** How long an attempt may be under way before others may take it for lost. */
  visibilityMs: number;
  /** Tells the poller that something is due at this time. */
  onDue: (dueAtMs: number) => void;
}

/** A timer of a busy process may be as late as this. */
const LATE_MS = 1_000;

/** Deliveries that could not begin before the soft deadline are due again after this long. */
const PARKED_DELAY_MS = 1_000;

/**
 * The first attempts of one batch of messages. `run` resolves when the batch is settled in the database: every delivery
 * has its attempt recorded, or a row in `pending_delivery`, and the dispatch row is gone. It never waits for a slow
 * endpoint longer than the soft deadline; what is under way then goes on under a claim.
 */
export class DispatchBatch {
  private readonly waiting = new Map<Delivery, Ticket | undefined>();
  private readonly underWay = new Set<Delivery>();
  private isParked = false;
  /** Nothing begins after this time: the process may have been asleep, and others are at work on it by then. */
  private endsAtMs = 0;
  /** An outcome was lost: the dispatch row has to stay, so that the batch comes again. */
  private hasLost = false;
  private settle!: { resolve: () => void; reject: (error: unknown) => void };
  private readonly settled = new Promise<void>((resolve, reject) => {
    this.settle = { resolve, reject };
  });

  constructor(
    private readonly id: string,
    private readonly tools: BatchTools,
  ) {}

  async run(
    deliveries: readonly Delivery[],
    later: readonly (Delivery & { dueAtMs: number })[],
    softDeadlineMs: number,
  ): Promise<void> {
    if (later.length > 0) {
      void this.record({
        change: (pending) => later.forEach((delivery) => pending.insert(this.rowOf(delivery, delivery.dueAtMs, null))),
      });
    }
    for (const delivery of deliveries) {
      this.waiting.set(delivery, undefined);
    }
    const deadline = setTimeout(() => this.park(), softDeadlineMs);
    this.endsAtMs = this.tools.now() + softDeadlineMs + LATE_MS;
    for (const delivery of deliveries) {
      this.enter(delivery);
    }
    if (this.isFinished()) {
      void this.record({ finishesDispatch: this.id });
    }
    try {
      await this.settled;
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Settles the batch now: what waits becomes due, what is under way is claimed. */
  park(): void {
    if (this.isParked || this.isFinished()) {
      return;
    }
    this.isParked = true;
    const nowMs = this.tools.now();
    const rows = [...this.underWay].map((delivery) => this.rowOf(delivery, nowMs + this.tools.visibilityMs, this.id));
    for (const [delivery, ticket] of this.waiting) {
      ticket?.cancel();
      rows.push(this.rowOf(delivery, nowMs + PARKED_DELAY_MS, null));
    }
    if (this.waiting.size > 0) {
      this.tools.onDue(nowMs + PARKED_DELAY_MS);
    }
    this.waiting.clear();
    void this.record({ change: (pending) => rows.forEach((row) => pending.insert(row)), finishesDispatch: this.id });
  }

  private isFinished(): boolean {
    return this.waiting.size === 0 && this.underWay.size === 0;
  }

  private enter(delivery: Delivery): void {
    const ticket = this.tools.runner.gate.enter(delivery.endpoint.id, () => this.takeBudget(delivery));
    // The gate may have let it through at once, and then it has another ticket by now.
    if (this.waiting.get(delivery) === undefined) {
      this.remember(delivery, ticket);
    }
  }

  private takeBudget(delivery: Delivery): void {
    const ticket = this.tools.budget.enter('', () => this.start(delivery), placesOf(delivery.message));
    this.remember(delivery, {
      cancel: () => {
        const isCancelled = ticket.cancel();
        if (isCancelled) {
          this.tools.runner.gate.leave(delivery.endpoint.id, 'other');
        }
        return isCancelled;
      },
    });
  }

  private remember(delivery: Delivery, ticket: Ticket): void {
    if (this.waiting.has(delivery)) {
      this.waiting.set(delivery, ticket);
    }
  }

  private start(delivery: Delivery): void {
    const { runner, budget } = this.tools;
    if (this.tools.now() > this.endsAtMs || runner.mustWait(delivery.message.id, delivery.endpoint.id)) {
      // It is too late, or not allowed now (a resend got in first); it stays in the waiting list until the batch is parked.
      this.waiting.set(delivery, undefined);
      runner.gate.leave(delivery.endpoint.id, 'other');
      budget.leave('', 'other', placesOf(delivery.message));
      return;
    }
    this.waiting.delete(delivery);
    this.underWay.add(delivery);
    void runner.run(delivery).then(async (result) => {
      // The place is free when the outcome is written down: attempts are not made faster than they can be recorded.
      await this.onResult(delivery, result);
      budget.leave('', 'other', placesOf(delivery.message));
    });
  }

  private onResult(delivery: Delivery, { outcome, next }: AttemptResult): Promise<void> {
    this.underWay.delete(delivery);
    if (next !== undefined) {
      this.tools.onDue(next.dueAtMs);
    }
    const attempt = { delivery, outcome, isFinal: next === undefined };
    if (this.isParked) {
      const key = { ...keyOf(delivery), claim: this.id };
      return this.record({
        attempt,
        change: (pending) => (next === undefined ? pending.delete(key) : pending.update({ ...key, ...next })),
      });
    }
    return this.record({
      attempt,
      change: next && ((pending) => pending.insert(this.rowOf({ ...delivery, ...next }, next.dueAtMs, null))),
      finishesDispatch: this.isFinished() ? this.id : undefined,
    });
  }

  /** Resolves when the step is committed, or refused; never rejects. */
  private async record(step: RecordStep): Promise<void> {
    const kept = this.hasLost ? { ...step, finishesDispatch: undefined } : step;
    try {
      await this.tools.recorder.submit(kept);
      if (kept.finishesDispatch !== undefined) {
        this.settle.resolve();
      }
    } catch (error) {
      this.hasLost = true;
      this.settle.reject(error);
    }
  }

  private rowOf(delivery: Delivery, dueAtMs: number, claim: string | null): PendingInsert {
    const { attemptNumber, message } = delivery;
    return { ...keyOf(delivery), appId: message.appId, attemptNumber, dueAtMs, claim, dispatchId: this.id };
  }
}

function keyOf({ message, endpoint, isManual }: Delivery): {
  messageId: string;
  endpointId: string;
  isManual: boolean;
} {
  return { messageId: message.id, endpointId: endpoint.id, isManual };
}
