/** One submitted item with the promise of its caller. */
export interface Entry<Item, Result> {
  readonly item: Item;
  readonly size: number;
  /** When it was submitted, in ms of `performance.now()`; 0 when nobody needs it. */
  readonly submittedAt: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: unknown) => void;
  next: Entry<Item, Result> | undefined;
}

/** First-in-first-out list of entries; a linked list, so that taking a batch costs only its own length. */
export class WaitingQueue<Item, Result> {
  #head: Entry<Item, Result> | undefined;
  #tail: Entry<Item, Result> | undefined;
  #length = 0;
  #bytes = 0;

  get length(): number {
    return this.#length;
  }

  /** Sum of the sizes. */
  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): Entry<Item, Result> | undefined {
    return this.#head;
  }

  push(entry: Entry<Item, Result>): void {
    if (this.#tail === undefined) {
      this.#head = entry;
    } else {
      this.#tail.next = entry;
    }
    this.#tail = entry;
    this.#length++;
    this.#bytes += entry.size;
  }

  /** Removes the oldest entries within both bounds, and at least one if there is any. */
  takeBatch(maxItems: number, maxBytes: number): Entry<Item, Result>[] {
    const batch: Entry<Item, Result>[] = [];
    let bytes = 0;
    let entry = this.#head;
    while (entry !== undefined && batch.length < maxItems && (batch.length === 0 || bytes + entry.size <= maxBytes)) {
      batch.push(entry);
      bytes += entry.size;
      const next: Entry<Item, Result> | undefined = entry.next;
      // A kept entry must not keep all later ones alive.
      entry.next = undefined;
      entry = next;
    }
    this.#head = entry;
    this.#tail = entry === undefined ? undefined : this.#tail;
    this.#length -= batch.length;
    // Sizes may be fractions: start again from 0 instead of adding up rounding errors.
    this.#bytes = entry === undefined ? 0 : this.#bytes - bytes;
    return batch;
  }
}
