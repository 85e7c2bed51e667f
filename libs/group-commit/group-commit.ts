import { GroupCommitClosedError, GroupCommitOverloadError, GroupCommitResultError } from './group-commit.errors';
import { type Entry, WaitingQueue } from './waiting-queue';

export { GroupCommitClosedError, GroupCommitOverloadError, GroupCommitResultError } from './group-commit.errors';

/** How a GroupCommit batches. */
export interface GroupCommitOptions<Item, Result> {
  /** Commits the items together; must settle, with one result for each item in the same order. */
  flush(items: Item[]): Promise<Result[]>;
  /** Most items of one flush. */
  maxItems: number;
  /** Most bytes of one flush, by `sizeOf`; a single larger item is flushed alone. Unlimited by default. */
  maxBytes?: number;
  /** Size of an item in bytes, 0 or more; needed with `maxBytes` and `maxWaitingBytes`. */
  sizeOf?(item: Item): number;
  /** Most flushes that run at the same time. */
  maxConcurrentFlushes: number;
  /**
   * While a flush runs, another one starts only when this many items (or `maxBytes`) wait. `maxItems` by default: larger
   * and fewer commits; 1 uses every free flush at once: shorter waits, smaller commits.
   */
  minItemsBesideRunning?: number;
  /** Most items that wait for a flush; further ones are refused. */
  maxWaiting: number;
  /** Most bytes that wait for a flush, by `sizeOf`; a single larger item is taken. Unlimited by default. */
  maxWaitingBytes?: number;
  /**
   * Under load (the last flush had several items and ended at most 4 times this long ago) a flush that is not full is
   * held back until its oldest item has waited this long, in ms. 0 by default: never. Timers are exact to about 1 ms.
   */
  lingerMs?: number;
}

const RECENT_LINGERS = 4;

/**
 * Collects the items of concurrent callers and flushes them as one.
 *
 * On an idle instance the flush starts at the end of the event-loop turn (`setImmediate`), so batching adds no wait and
 * all items of one turn go together. Items that come while flushes run gather for the next one. Order: items are handed
 * to flushes first in, first out.
 */
export class GroupCommit<Item, Result> {
  readonly #options: GroupCommitOptions<Item, Result>;
  readonly #maxBytes: number;
  readonly #maxWaitingBytes: number;
  readonly #minItemsBesideRunning: number;
  readonly #lingerMs: number;
  readonly #queue = new WaitingQueue<Item, Result>();
  #running = 0;
  #closed = false;
  #turnEnd: NodeJS.Immediate | undefined;
  #lingerTimer: NodeJS.Timeout | undefined;
  #lastBatchItems = 0;
  #lastEndedAt = -Infinity;
  #drainWaiters: (() => void)[] = [];

  /** Throws RangeError for bounds that are not positive whole numbers, and for bounds in bytes without `sizeOf`. */
  constructor(options: GroupCommitOptions<Item, Result>) {
    assertOptions(options);
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? Infinity;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? Infinity;
    this.#minItemsBesideRunning = Math.min(options.minItemsBesideRunning ?? Infinity, options.maxItems);
    this.#lingerMs = options.lingerMs ?? 0;
  }

  /** Number of items that no flush has taken yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Number of flushes that run. */
  get running(): number {
    return this.#running;
  }

  /**
   * Resolves to the item's result when its flush has; rejects with the error of the flush, with
   * GroupCommitOverloadError or GroupCommitClosedError at once, or with GroupCommitResultError.
   */
  submit(item: Item): Promise<Result> {
    if (this.#closed) {
      return Promise.reject(new GroupCommitClosedError());
    }
    return new Promise<Result>((resolve, reject) => {
      const size = this.#sizeOf(item);
      if (!this.#hasRoomFor(size)) {
        reject(new GroupCommitOverloadError(this.#queue.length));
        return;
      }
      const submittedAt = this.#lingerMs > 0 ? performance.now() : 0;
      this.#queue.push({ item, size, submittedAt, resolve, reject, next: undefined });
      this.#schedule();
    });
  }

  /** Resolves when nothing waits or runs, items submitted in the meantime included; never rejects. */
  drain(): Promise<void> {
    if (this.#isIdle()) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#drainWaiters.push(resolve);
      this.#schedule();
    });
  }

  /** Refuses new items from now on, and resolves when all accepted ones are flushed. */
  close(): Promise<void> {
    this.#closed = true;
    return this.drain();
  }

  #hasRoomFor(size: number): boolean {
    const { length, bytes } = this.#queue;
    return length < this.#options.maxWaiting && (length === 0 || bytes + size <= this.#maxWaitingBytes);
  }

  #sizeOf(item: Item): number {
    const size = this.#options.sizeOf?.(item) ?? 0;
    if (!(size >= 0 && Number.isFinite(size))) {
      throw new RangeError('The size of an item must be a finite number, 0 or more');
    }
    return size;
  }

  /** Decides when the next flush starts: now is too early (the turn may bring more), so at its end or after lingering. */
  #schedule(): void {
    if (this.#turnEnd !== undefined || !this.#mayStart()) {
      return;
    }
    const waitMs = this.#remainingLingerMs();
    if (waitMs > 0) {
      this.#lingerTimer ??= setTimeout(this.#startFlushes, waitMs);
      return;
    }
    this.#turnEnd = setImmediate(this.#startFlushes);
  }

  #mayStart(): boolean {
    if (this.#queue.length === 0 || this.#running >= this.#options.maxConcurrentFlushes) {
      return false;
    }
    return (
      this.#running === 0 || this.#queue.length >= this.#minItemsBesideRunning || this.#queue.bytes >= this.#maxBytes
    );
  }

  #remainingLingerMs(): number {
    if (this.#lingerMs === 0 || this.#lastBatchItems < 2 || this.#isBatchFull() || this.#drainWaiters.length > 0) {
      return 0;
    }
    const now = performance.now();
    if (now - this.#lastEndedAt > RECENT_LINGERS * this.#lingerMs) {
      return 0;
    }
    return (this.#queue.oldest?.submittedAt ?? 0) + this.#lingerMs - now;
  }

  #isBatchFull(): boolean {
    return this.#queue.length >= this.#options.maxItems || this.#queue.bytes >= this.#maxBytes;
  }

  readonly #startFlushes = (): void => {
    clearImmediate(this.#turnEnd);
    clearTimeout(this.#lingerTimer);
    this.#turnEnd = undefined;
    this.#lingerTimer = undefined;
    while (this.#mayStart()) {
      void this.#flush(this.#queue.takeBatch(this.#options.maxItems, this.#maxBytes));
    }
  };

  async #flush(batch: Entry<Item, Result>[]): Promise<void> {
    this.#running++;
    try {
      const results = await this.#options.flush(batch.map((entry) => entry.item));
      if (!Array.isArray(results) || results.length !== batch.length) {
        throw new GroupCommitResultError(batch.length, Array.isArray(results) ? results.length : undefined);
      }
      batch.forEach((entry, index) => entry.resolve(results[index] as Result));
    } catch (error) {
      batch.forEach((entry) => entry.reject(error));
    }
    this.#afterFlush(batch.length);
  }

  #afterFlush(items: number): void {
    this.#running--;
    this.#lastBatchItems = items;
    this.#lastEndedAt = this.#lingerMs > 0 ? performance.now() : 0;
    this.#schedule();
    if (this.#isIdle()) {
      const waiters = this.#drainWaiters;
      this.#drainWaiters = [];
      waiters.forEach((resolve) => resolve());
    }
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && this.#running === 0;
  }
}

function assertOptions<Item, Result>(options: GroupCommitOptions<Item, Result>): void {
  for (const name of ['maxItems', 'maxConcurrentFlushes', 'maxWaiting', 'minItemsBesideRunning'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) {
      throw new RangeError(`${name} must be a positive whole number`);
    }
  }
  for (const name of ['maxBytes', 'maxWaitingBytes'] as const) {
    const value = options[name];
    if (value !== undefined && !(value > 0 && options.sizeOf !== undefined)) {
      throw new RangeError(`${name} must be more than 0 and needs sizeOf`);
    }
  }
  if (options.lingerMs !== undefined && !(options.lingerMs >= 0 && Number.isFinite(options.lingerMs))) {
    throw new RangeError('lingerMs must be a finite number, 0 or more');
  }
}
