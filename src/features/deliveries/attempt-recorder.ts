import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { GroupCommit } from '@libs/group-commit/group-commit';
import { isTransientDatabaseError } from '@/infra/database/database-errors';
import { Logger } from '@/infra/observability/logger';
import { Metrics } from '@/infra/observability/metrics';
import { type AttemptRow, DeliveriesRepository } from './deliveries.repository';
import { PendingChanges } from './pending-changes';

/** What one delivery adds to the next commit. */
export interface RecordStep {
  /** An attempt that was made. */
  attempt?: AttemptRow;
  /** What becomes of the delivery's row in `pending_delivery`. */
  change?: (pending: PendingChanges) => void;
  /** The dispatch row of the batch, when this is the last step of the batch. */
  finishesDispatch?: string;
}

const MAX_STEPS = 500;
/** Outcomes kept in memory while the database is away; beyond it they are refused, and their deliveries are repeated. */
const MAX_WAITING = 20_000;
/**
 * Bytes of answers kept with them. Beyond it an outcome is kept with the beginning of its answer only: better than a
 * delivery that is repeated.
 */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const SHORT_ANSWER_BYTES = 256;
const LINGER_MS = 2;
/** Shorter than others wait, after a failure, before they take unrecorded work for undone. */
const MAX_BACKOFF_MS = 1_000;

/**
 * Writes down what deliveries came to, many in one transaction. Steps are committed strictly in the order in which they
 * were submitted, one commit at a time: that is why a dispatch row may be deleted together with its last outcome.
 * `submit` resolves after the commit.
 */
@Injectable()
export class AttemptRecorder {
  private readonly commits: GroupCommit<RecordStep, unknown>;
  private unwritten = 0;
  private answerBytes = 0;
  private hasGivenUp = false;

  constructor(
    private readonly repository: DeliveriesRepository,
    private readonly log: Logger,
    private readonly metrics: Metrics,
  ) {
    this.commits = new GroupCommit({
      flush: (steps) => this.commit(steps, false),
      maxItems: MAX_STEPS,
      maxConcurrentFlushes: 1,
      maxWaiting: MAX_WAITING,
      lingerMs: LINGER_MS,
    });
    metrics.gauge('posthorn_record_waiting', 'Outcomes that wait for a commit.', () => this.commits.waiting);
  }

  /**
   * Rejects when too much waits, or when the database refuses the step for good; the delivery then counts as unfinished
   * and is repeated.
   */
  async submit(step: RecordStep): Promise<void> {
    const bytes = this.boundAnswer(step.attempt);
    this.unwritten++;
    this.answerBytes += bytes;
    try {
      const refusal = await this.commits.submit(step);
      if (refusal !== undefined) {
        throw refusal instanceof Error ? refusal : new Error('an outcome cannot be written', { cause: refusal });
      }
    } finally {
      this.unwritten--;
      this.answerBytes -= bytes;
    }
  }

  /** Resolves when everything submitted is committed. */
  drain(): Promise<void> {
    return this.commits.drain();
  }

  /**
   * The process must end soon: what the database does not take at once is refused from now on instead of kept, and its
   * deliveries are repeated elsewhere. Returns how many outcomes are not written yet.
   */
  giveUp(): number {
    this.hasGivenUp = true;
    return this.unwritten;
  }

  /** Returns the bytes of the answer that are kept. */
  private boundAnswer(attempt: AttemptRow | undefined): number {
    if (attempt === undefined) {
      return 0;
    }
    const { outcome } = attempt;
    if (this.answerBytes + outcome.response.length > MAX_ANSWER_BYTES) {
      // In place, because who submitted it holds it, too; a copy, because a slice keeps all of it.
      outcome.response = Buffer.from(outcome.response.subarray(0, SHORT_ANSWER_BYTES));
    }
    return outcome.response.length;
  }

  /**
   * For each step undefined, or the error for which it cannot be written. After a try that failed in passing nobody
   * knows whether it was committed: the next ones are repetitions.
   */
  private async commit(steps: RecordStep[], isRepetition: boolean): Promise<unknown[]> {
    for (let round = 0; ; round++) {
      try {
        await this.write(steps, isRepetition || round > 0);
        return steps.map(() => undefined);
      } catch (error) {
        this.metrics.recordFailures.inc();
        if (!isTransientDatabaseError(error)) {
          return this.commitApart(steps, error);
        }
        if (this.hasGivenUp) {
          return steps.map(() => error);
        }
        this.log.warn(
          { err: error, steps: steps.length },
          'outcomes could not be written; they are kept and written again',
        );
        await delay(Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(round, 10)));
      }
    }
  }

  /** One step that the database refuses must not take the others with it: halves until it stands alone. */
  private async commitApart(steps: RecordStep[], error: unknown): Promise<unknown[]> {
    if (steps.length > 1) {
      const middle = Math.ceil(steps.length / 2);
      const first = await this.commit(steps.slice(0, middle), true);
      return [...first, ...(await this.commit(steps.slice(middle), true))];
    }
    const [step] = steps;
    this.log.error({ err: error, attempt: step?.attempt?.outcome.id }, 'an outcome cannot be written');
    // Better an attempt that is missing from the list than a delivery that is lost or repeated.
    return step?.attempt === undefined ? [error] : this.commit([{ ...step, attempt: undefined }], true);
  }

  private async write(steps: readonly RecordStep[], isRepetition: boolean): Promise<void> {
    const pending = new PendingChanges();
    const attempts: AttemptRow[] = [];
    const dispatchIds: string[] = [];
    for (const { attempt, change, finishesDispatch } of steps) {
      if (attempt !== undefined) {
        attempts.push(attempt);
      }
      change?.(pending);
      if (finishesDispatch !== undefined) {
        dispatchIds.push(finishesDispatch);
      }
    }
    const stop = this.metrics.recordSeconds.startTimer();
    await this.repository.record(attempts, pending, dispatchIds, isRepetition);
    stop();
    this.metrics.recordBatchSize.observe(steps.length);
  }
}
