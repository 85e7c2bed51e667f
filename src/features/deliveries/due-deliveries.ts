import { Injectable } from '@nestjs/common';
import { newId } from '@libs/sortable-id/sortable-id';
import { Clock } from '@/common/clock';
import { EndpointsService } from '@/features/endpoints/endpoints.service';
import { MessagesService } from '@/features/messages/messages.service';
import { type FittingMessage } from '@/features/messages/messages.types';
import { Config } from '@/infra/config/config';
import { patiently } from '@/infra/database/patiently';
import { Logger } from '@/infra/observability/logger';
import { AttemptRecorder } from './attempt-recorder';
import { AttemptRunner } from './attempt-runner';
import { DeliveriesRepository } from './deliveries.repository';
import { type Delivery, type PendingDelivery } from './deliveries.types';
import { OutageGuard } from './outage-guard';
import { bytesOfPlaces, placesOf } from './places';
import { visibilityMsOf } from './visibility';

const MAX_CLAIM = 200;
/** What begins later than this after its claim might not end within the visibility timeout, which has a margin of 15 s. */
const LATEST_START_MS = 10_000;
/** A delivery whose endpoint has no room, or whose message is on its way there, is due again after this long. */
const POSTPONE_MS = 1_000;

/**
 * Works on deliveries that are due: retries, resends, deferred and parked ones. Takes only what it has room for, from a
 * budget of its own, so that a storm of retries cannot starve first attempts, nor the other way round.
 */
@Injectable()
export class DueDeliveries {
  private readonly guard: OutageGuard;
  /** Places of the budget that are taken. */
  private inFlight = 0;

  constructor(
    private readonly repository: DeliveriesRepository,
    private readonly messages: MessagesService,
    private readonly endpoints: EndpointsService,
    private readonly runner: AttemptRunner,
    private readonly recorder: AttemptRecorder,
    private readonly clock: Clock,
    private readonly config: Config,
    private readonly log: Logger,
  ) {
    this.guard = new OutageGuard(() => repository.ping(), clock);
  }

  /**
   * Claims what is due and starts it. Resolves to whether there may be more at once. `onProgress` is called when room
   * becomes free, or with the time at which something is due.
   */
  async work(onProgress: (dueAtMs: number) => void): Promise<boolean> {
    const free = this.config.retryMaxInFlight - this.inFlight;
    const limit = Math.min(MAX_CLAIM, free);
    if (limit <= 0) {
      return false;
    }
    const claim = newId('dsp', this.clock.now());
    const startedAtMs = this.clock.now();
    const claimUntilMs = startedAtMs + visibilityMsOf(this.config);
    const rows = (await this.guard.run(() => this.repository.claimDue(claim, limit, claimUntilMs))) ?? [];
    if (rows.length === 0) {
      return false;
    }
    const byId = await this.readMessages(rows, bytesOfPlaces(free));
    for (const row of rows) {
      if (this.clock.now() > startedAtMs + LATEST_START_MS) {
        // The process was asleep, or the database: others may have the rest by the time that this one is done with it.
        this.log.warn(
          { deliveries: rows.length },
          'claimed deliveries were begun too late; the rest is left to its claim',
        );
        break;
      }
      await this.start(row, claim, byId.get(row.messageId), onProgress);
    }
    return rows.length === limit;
  }

  /** By id. A message that goes to many endpoints is read once; what does not fit into `maxBytes` comes without content. */
  private async readMessages(
    rows: readonly PendingDelivery[],
    maxBytes: number,
  ): Promise<ReadonlyMap<string, FittingMessage>> {
    const appIds = new Map(rows.map(({ messageId, appId }) => [messageId, appId]));
    // Patiently: what is claimed and not begun would wait until its claim has expired.
    const messages = await patiently(() =>
      this.messages.findWithin([...appIds.values()], [...appIds.keys()], maxBytes),
    );
    return new Map(messages.map((message) => [message.id, message]));
  }

  private async start(
    row: PendingDelivery,
    claim: string,
    message: FittingMessage | undefined,
    onProgress: (dueAtMs: number) => void,
  ): Promise<void> {
    const key = { messageId: row.messageId, endpointId: row.endpointId, isManual: row.isManual, claim };
    const endpoints = await patiently(() => this.endpoints.forDelivery(row.appId));
    const endpoint = endpoints.get(row.endpointId);
    const hasContent = message !== undefined && (message.payload !== null || message.isLeftOut);
    if (!hasContent || endpoint === undefined || endpoint.isDisabled) {
      // Nothing left to deliver, or nobody to deliver it to: the delivery ends here.
      void this.record({ change: (pending) => pending.delete(key) });
      return;
    }
    const { payload } = message;
    if (
      payload === null ||
      this.runner.mustWait(row.messageId, row.endpointId) ||
      !this.runner.gate.tryEnter(row.endpointId)
    ) {
      const dueAtMs = this.clock.now() + POSTPONE_MS;
      void this.record({ change: (pending) => pending.update({ ...key, dueAtMs, attemptNumber: row.attemptNumber }) });
      onProgress(dueAtMs);
      return;
    }
    const delivery: Delivery = {
      message: { ...message, payload, deliverAtMs: null },
      endpoint,
      attemptNumber: row.attemptNumber,
      isManual: row.isManual,
    };
    this.inFlight += placesOf(delivery.message);
    void this.runner.run(delivery).then(async ({ outcome, next }) => {
      // The place is free when the outcome is written down: attempts are not made faster than they can be recorded.
      await this.record({
        attempt: { delivery, outcome, isFinal: next === undefined },
        change: (pending) => (next === undefined ? pending.delete(key) : pending.update({ ...key, ...next })),
      });
      this.inFlight -= placesOf(delivery.message);
      onProgress(next?.dueAtMs ?? 0);
    });
  }

  /** Resolves when the step is committed, or refused; never rejects. */
  private async record(step: Parameters<AttemptRecorder['submit']>[0]): Promise<void> {
    try {
      await this.recorder.submit(step);
    } catch (error) {
      this.log.warn({ err: error }, 'an outcome was lost; its delivery is repeated when its claim has expired');
    }
  }
}
