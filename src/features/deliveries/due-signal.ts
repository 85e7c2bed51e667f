import { Injectable } from '@nestjs/common';

/** Tells the poller of this process when something becomes due, so that it need not ask the database all the time. */
@Injectable()
export class DueSignal {
  private listener: ((dueAtMs: number) => void) | undefined;

  /** Something is due at this time. */
  notify(dueAtMs: number): void {
    this.listener?.(dueAtMs);
  }

  /** The one that wants to know. */
  listen(listener: (dueAtMs: number) => void): void {
    this.listener = listener;
  }
}
