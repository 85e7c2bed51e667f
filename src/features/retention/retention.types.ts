/**
 * Rows that are deleted one by one: messages and attempts of the default partitions, and the eventIds of messages that are
 * gone.
 */
export const OLD_ROWS = ['message', 'attempt', 'event_id'] as const;

export type OldRows = (typeof OLD_ROWS)[number];

/** Where to go on with deleting, and how much to take. */
export interface BatchRequest {
  /** The last key that was deleted; undefined begins at the oldest. */
  from?: string;
  limit: number;
}

/** What came of a batch. */
export interface Batch {
  /** Rows that were due; fewer than the limit means that no more are. */
  found: number;
  /** What is gone now that was there before. */
  removed: number;
  /** The last key; undefined when nothing was found. */
  last?: string;
}
