import * as pg from 'pg';

/** The database is not to be used now; to callers it is as if PostgreSQL did not take connections (`cannot_connect_now`). */
class DatabaseHoldLostError extends Error {
  override readonly name = 'DatabaseHoldLostError';
  readonly code = '57P03';

  constructor() {
    super('the connection that holds the database is broken, and another process may take it over');
  }
}

/**
 * Whether this process may work on its database. Without Redis only the holder of the instance lock may, and its
 * connection can break; a process that shares its database always may.
 */
export class DatabaseHold {
  private held = true;

  get isHeld(): boolean {
    return this.held;
  }

  lose(): void {
    this.held = false;
  }

  regain(): void {
    this.held = true;
  }
}

/** The driver with a pool that gives out no connection while `hold` is lost, as if PostgreSQL were away. */
export function driverUnder(hold: DatabaseHold): typeof pg {
  class HeldPool extends pg.Pool {
    override connect(): Promise<pg.PoolClient>;
    override connect(callback: Parameters<pg.Pool['connect']>[0]): void;
    override connect(callback?: Parameters<pg.Pool['connect']>[0]): Promise<pg.PoolClient> | void {
      if (hold.isHeld) {
        return callback === undefined ? super.connect() : super.connect(callback);
      }
      const error = new DatabaseHoldLostError();
      if (callback === undefined) {
        return Promise.reject(error);
      }
      callback(error, undefined, () => undefined);
    }
  }
  return { ...pg, Pool: HeldPool };
}
