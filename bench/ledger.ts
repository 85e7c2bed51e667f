import { percentiles, type Percentiles } from './percentiles';

const INITIAL_CAPACITY = 1 << 16;
const MAX_FAN_OUT = 32;

/** What became of the messages of a run. A delivery is the pair of a message and an endpoint. */
export interface LedgerSummary {
  posted: number;
  acked: number;
  failed: number;
  deliveries: number;
  /** Deliveries of acked messages that never arrived. */
  lost: number;
  /** Deliveries that arrived again. */
  duplicates: number;
  /** Arrivals whose `svix-id` is not the id that the ack named. */
  mismatched: number;
  /** Deliveries of messages whose post failed; allowed, because the failure may have hit only the answer. */
  unacknowledged: number;
}

export interface Latencies {
  postToAck: Percentiles | null;
  postToArrival: Percentiles | null;
  /** Negative where a delivery overtook the ack. */
  ackToArrival: Percentiles | null;
}

/**
 * Keeps book of every message from its post to its arrivals. Messages are numbered from 0 in the order of their posts;
 * all instants are milliseconds of one clock. With fan-out, a message has arrived when its last endpoint got it.
 */
export class Ledger {
  private sentAt = new Float64Array(INITIAL_CAPACITY);
  private ackedAt = new Float64Array(INITIAL_CAPACITY).fill(NaN);
  private arrivedAt = new Float64Array(INITIAL_CAPACITY).fill(NaN);
  private endpoints = new Uint32Array(INITIAL_CAPACITY);
  private missing = new Uint8Array(INITIAL_CAPACITY);
  private readonly ids: (string | undefined)[] = [];
  private readonly failures = new Set<number>();
  private posted = 0;
  private acked = 0;
  private arrivals = 0;
  private duplicates = 0;
  private mismatched = 0;
  private unacknowledged = 0;
  private open = 0;

  constructor(private readonly fanOut: number) {
    if (fanOut < 1 || fanOut > MAX_FAN_OUT) {
      throw new RangeError(`a message can go to 1 to ${MAX_FAN_OUT} endpoints, not ${fanOut}`);
    }
  }

  /** Deliveries that are on their way: posted, not failed, not arrived. */
  get outstanding(): number {
    return this.open;
  }

  /** Distinct deliveries that have arrived. */
  get deliveries(): number {
    return this.arrivals;
  }

  /** Messages that were posted and are neither acked nor failed. */
  get unanswered(): number {
    return this.posted - this.acked - this.failures.size;
  }

  /** Notes a message that is handed over for posting at this instant, and returns its number. */
  post(at: number): number {
    const sequence = this.posted++;
    this.grow(sequence);
    this.sentAt[sequence] = at;
    this.missing[sequence] = this.fanOut;
    this.open += this.fanOut;
    return sequence;
  }

  ack(sequence: number, messageId: string, at: number): void {
    this.acked += 1;
    this.ackedAt[sequence] = at;
    this.identify(sequence, messageId);
  }

  fail(sequence: number): void {
    this.failures.add(sequence);
    this.open -= this.missing[sequence] ?? 0;
    this.unacknowledged += this.fanOut - (this.missing[sequence] ?? 0);
  }

  /** Notes a delivery to the endpoint with this number (from 0) within the message's application. */
  arrive(sequence: number, endpoint: number, messageId: string, at: number): void {
    if (!(sequence < this.posted)) {
      // Left over from an earlier run against the same server: nobody here posted it.
      return;
    }
    this.identify(sequence, messageId);
    const bit = (1 << endpoint) >>> 0;
    const seen = this.endpoints[sequence] ?? 0;
    if (seen & bit) {
      this.duplicates += 1;
      return;
    }
    this.endpoints[sequence] = seen | bit;
    this.missing[sequence] = (this.missing[sequence] ?? 0) - 1;
    this.arrivals += 1;
    if (this.failures.has(sequence)) {
      this.unacknowledged += 1;
    } else {
      this.open -= 1;
    }
    if (this.missing[sequence] === 0) {
      this.arrivedAt[sequence] = at;
    }
  }

  /** The ids of all acked messages. */
  *ackedIds(): Generator<string> {
    for (let sequence = 0; sequence < this.posted; sequence++) {
      if (!Number.isNaN(this.ackedAt[sequence])) {
        yield this.ids[sequence] ?? '';
      }
    }
  }

  summary(): LedgerSummary {
    let lost = 0;
    for (let sequence = 0; sequence < this.posted; sequence++) {
      lost += Number.isNaN(this.ackedAt[sequence]) ? 0 : (this.missing[sequence] ?? 0);
    }
    return {
      posted: this.posted,
      acked: this.acked,
      failed: this.failures.size,
      deliveries: this.arrivals,
      lost,
      duplicates: this.duplicates,
      mismatched: this.mismatched,
      unacknowledged: this.unacknowledged,
    };
  }

  /** Latencies of the messages that were posted within [from, to) and acked. */
  latencies(from: number, to: number): Latencies {
    const postToAck: number[] = [];
    const postToArrival: number[] = [];
    const ackToArrival: number[] = [];
    for (let sequence = 0; sequence < this.posted; sequence++) {
      const sent = this.sentAt[sequence] ?? NaN;
      const acked = this.ackedAt[sequence] ?? NaN;
      const arrived = this.arrivedAt[sequence] ?? NaN;
      if (sent < from || sent >= to || Number.isNaN(acked)) {
        continue;
      }
      postToAck.push(acked - sent);
      if (!Number.isNaN(arrived)) {
        postToArrival.push(arrived - sent);
        ackToArrival.push(arrived - acked);
      }
    }
    return {
      postToAck: percentiles(postToAck),
      postToArrival: percentiles(postToArrival),
      ackToArrival: percentiles(ackToArrival),
    };
  }

  private identify(sequence: number, messageId: string): void {
    const known = this.ids[sequence];
    if (known === undefined) {
      this.ids[sequence] = messageId;
    } else if (known !== messageId) {
      this.mismatched += 1;
    }
  }

  private grow(sequence: number): void {
    const capacity = this.sentAt.length;
    if (sequence < capacity) {
      return;
    }
    this.sentAt = doubled(this.sentAt, 0);
    this.ackedAt = doubled(this.ackedAt, NaN);
    this.arrivedAt = doubled(this.arrivedAt, NaN);
    const endpoints = new Uint32Array(capacity * 2);
    endpoints.set(this.endpoints);
    this.endpoints = endpoints;
    const missing = new Uint8Array(capacity * 2);
    missing.set(this.missing);
    this.missing = missing;
  }
}

function doubled(values: Float64Array<ArrayBuffer>, fill: number): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(values.length * 2).fill(fill, values.length);
  grown.set(values);
  return grown;
}
