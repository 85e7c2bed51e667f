import { type ReceivedRequest } from '../support/receiver';

/** A request that reached the receiver and will be answered with success, `answerAfterMs` later. */
export interface Arrival {
  at: number;
  answerAfterMs: number;
}

/** A kill: the process was killed at `killedAt`, and nothing of it can arrive after `goneAt`. */
export interface Kill {
  killedAt: number;
  goneAt: number;
}

/** A success that was sent again: the arrivals before and after. */
export interface Repetition {
  messageId: string;
  path: string;
  first: Arrival;
  second: Arrival;
}

/** Keeps book of what reached the receiver, by message and endpoint. */
export class DeliveryLog {
  private readonly successes = new Map<string, Arrival[]>();
  private readonly refused = new Set<string>();
  private readonly idsBySequence = new Map<number, Set<string>>();
  private lastAt: number | undefined;
  private longestMs = 0;

  /** The longest time between two successes, in ms. */
  get longestGapMs(): number {
    return this.longestMs;
  }

  /** Notes a request that will be answered with success. */
  accept(request: ReceivedRequest, answerAfterMs: number): void {
    const key = this.identify(request);
    const arrivals = this.successes.get(key) ?? [];
    arrivals.push({ at: request.at, answerAfterMs });
    this.successes.set(key, arrivals);
    this.longestMs = Math.max(this.longestMs, request.at - (this.lastAt ?? request.at));
    this.lastAt = request.at;
  }

  /** Returns true the first time that this message comes to this endpoint: then it is to be answered with an error. */
  isFirstTime(request: ReceivedRequest): boolean {
    const key = this.identify(request);
    const isFirst = !this.refused.has(key);
    this.refused.add(key);
    return isFirst;
  }

  hasArrived(messageId: string, path: string): boolean {
    return this.successes.has(keyOf(messageId, path));
  }

  /** How often this message reached this endpoint and was accepted. */
  arrivals(messageId: string, path: string): number {
    return this.successes.get(keyOf(messageId, path))?.length ?? 0;
  }

  /** The first success of this message at this endpoint. */
  firstArrival(messageId: string, path: string): Arrival | undefined {
    return this.successes.get(keyOf(messageId, path))?.[0];
  }

  /** Messages that the server made of one post; more than one means that an idempotency key did not hold. */
  idsOf(sequence: number): string[] {
    return [...(this.idsBySequence.get(sequence) ?? [])];
  }

  repetitions(): Repetition[] {
    return [...this.successes].flatMap(([key, arrivals]) => {
      const [messageId = '', path = ''] = key.split(' ');
      return arrivals.slice(1).map((second, index) => ({ messageId, path, first: arrivals[index] ?? second, second }));
    });
  }

  private identify(request: ReceivedRequest): string {
    const messageId = String(request.headers['svix-id'] ?? request.headers['webhook-id']);
    const { seq } = JSON.parse(request.body.toString('utf8')) as { seq: number };
    const ids = this.idsBySequence.get(seq) ?? new Set<string>();
    this.idsBySequence.set(seq, ids.add(messageId));
    return keyOf(messageId, request.path);
  }
}

/**
 * The number (from 0) of the kill that explains a repetition: it came between the two arrivals, and the first answer
 * was at most `recordingMs` old by then, so that its record can have been lost with the process. -1 when none does.
 */
export function explainingKill({ first, second }: Repetition, kills: Kill[], recordingMs: number): number {
  return kills.findIndex(
    ({ killedAt, goneAt }) =>
      first.at <= goneAt && second.at > killedAt && killedAt - (first.at + first.answerAfterMs) <= recordingMs,
  );
}

function keyOf(messageId: string, path: string): string {
  return `${messageId} ${path}`;
}
