/** Thrown to a caller whose item was refused because too many were waiting already; nothing of it was flushed. */
export class GroupCommitOverloadError extends Error {
  override readonly name = 'GroupCommitOverloadError';

  constructor(waitingItems: number) {
    super(`${waitingItems} items are waiting already`);
  }
}

/** Thrown to a caller that submits after `close`. */
export class GroupCommitClosedError extends Error {
  override readonly name = 'GroupCommitClosedError';

  constructor() {
    super('No more items are taken: the group commit is closed');
  }
}

/** Thrown to all callers of a batch whose flush did not return one result for each item; their items may be stored. */
export class GroupCommitResultError extends Error {
  override readonly name = 'GroupCommitResultError';

  constructor(items: number, results: number | undefined) {
    super(
      results === undefined
        ? `The flush of ${items} items did not return an array`
        : `The flush of ${items} items returned ${results} results`,
    );
  }
}
