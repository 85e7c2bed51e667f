/** The time, injected so that tests can turn it. */
export abstract class Clock {
  /** Milliseconds since 1970. */
  abstract now(): number;
}

/** The machine's own clock. */
export class SystemClock extends Clock {
  now(): number {
    return Date.now();
  }
}
