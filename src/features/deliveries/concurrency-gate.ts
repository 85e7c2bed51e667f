/** A place in a line. */
export interface Ticket {
  /** Gives the place up; false when the turn had come already. */
  cancel(): boolean;
}

interface Entry {
  start: () => void;
  places: number;
  isDone: boolean;
}

class Lane {
  inFlight = 0;
  readonly line: Entry[] = [];
  /** Places that the line asks for. */
  waiting = 0;
  /** Index of the first entry that still waits. */
  head = 0;

  constructor(public limit: number) {}
}

/**
 * Bounds what is under way at once for each key; the rest waits in line. Used with one key per endpoint, so that one that
 * is slow keeps a few sockets and nothing else. A key that is overloaded gets half its concurrency at once and earns it
 * back one by one (additive increase, multiplicative decrease, as TCP does).
 */
export class ConcurrencyGate {
  private readonly lanes = new Map<string, Lane>();

  constructor(private readonly maxInFlight: number) {}

  /**
   * Calls `start` when it is this one's turn: at once, when there is room. What takes several places begins as soon as one
   * is free, or it would wait for ever behind smaller ones.
   */
  enter(key: string, start: () => void, places = 1): Ticket {
    const lane = this.laneOf(key);
    const entry: Entry = { start, places, isDone: false };
    if (lane.inFlight < lane.limit) {
      this.begin(lane, entry);
    } else {
      lane.line.push(entry);
      lane.waiting += places;
    }
    return { cancel: () => this.cancel(entry) };
  }

  /** Takes a place if there is room at once. */
  tryEnter(key: string): boolean {
    const lane = this.laneOf(key);
    if (lane.inFlight >= lane.limit) {
      return false;
    }
    lane.inFlight++;
    return true;
  }

  /** Gives back what was taken; `verdict` is how the work was taken. */
  leave(key: string, verdict: 'accepted' | 'overloaded' | 'other', places = 1): void {
    const lane = this.lanes.get(key);
    if (lane === undefined) {
      return;
    }
    lane.inFlight -= places;
    if (verdict === 'overloaded') {
      lane.limit = Math.max(1, Math.floor(Math.min(lane.limit, lane.inFlight + 1) / 2));
    } else if (verdict === 'accepted' && lane.limit < this.maxInFlight) {
      lane.limit++;
    }
    this.advance(lane);
    if (lane.inFlight === 0 && lane.head === lane.line.length && lane.limit === this.maxInFlight) {
      this.lanes.delete(key);
    }
  }

  /** Places that the line of this key asks for; those that gave up count until their turn comes. */
  waiting(key: string): number {
    return this.lanes.get(key)?.waiting ?? 0;
  }

  /** Places that are taken of this key. */
  inFlight(key: string): number {
    return this.lanes.get(key)?.inFlight ?? 0;
  }

  private laneOf(key: string): Lane {
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(this.maxInFlight);
      this.lanes.set(key, lane);
    }
    return lane;
  }

  private begin(lane: Lane, entry: Entry): void {
    entry.isDone = true;
    lane.inFlight += entry.places;
    entry.start();
  }

  private cancel(entry: Entry): boolean {
    if (entry.isDone) {
      return false;
    }
    // Skipped when its turn comes; no search through the line. What it would have started is not kept until then.
    entry.isDone = true;
    entry.start = () => undefined;
    return true;
  }

  private advance(lane: Lane): void {
    while (lane.head < lane.line.length && lane.inFlight < lane.limit) {
      const entry = lane.line[lane.head++];
      lane.waiting -= entry?.places ?? 0;
      if (entry !== undefined && !entry.isDone) {
        this.begin(lane, entry);
      }
    }
    if (lane.head === lane.line.length) {
      lane.line.length = 0;
      lane.head = 0;
    }
  }
}
