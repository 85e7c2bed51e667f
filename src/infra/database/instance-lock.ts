import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

/** Key of the advisory lock that a process without Redis holds for as long as it lives. */
const INSTANCE_LOCK = 7_054_961_002;
/** The session of a process that was killed a moment ago may need a little to go away. */
const TRIES = 40;
const RETRY_PAUSE_MS = 50;
const RETAKE_PAUSE_MS = 100;

/** Another process works on this database already, and without Redis there can be only one. */
export class DatabaseInUseError extends Error {
  override readonly name = 'DatabaseInUseError';

  constructor() {
    super(
      'Another Posthorn process uses this database. Without Redis only one may: stop it, or give this one another database.',
    );
  }
}

/** The hold of this process on its database; gone with the connection, so a killed process never leaves it behind. */
export interface InstanceLock {
  release(): Promise<void>;
}

/**
 * Takes the database for this process alone. Throws `DatabaseInUseError` when another one has it.
 * `onLost` is called when the connection breaks later on.
 */
export async function takeInstanceLock(databaseUrl: string, onLost: (error: Error) => void): Promise<InstanceLock> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'posthorn lock', keepAlive: true });
  let isHeld = false;
  client.on('error', (error) => {
    // While we are still asking, the question fails as well.
    if (isHeld) {
      isHeld = false;
      onLost(error);
    }
  });
  try {
    await client.connect();
    await waitForLock(client);
  } catch (error) {
    await client.end();
    throw error;
  }
  isHeld = true;
  return {
    release: async () => {
      isHeld = false;
      await client.end();
    },
  };
}

/** How `keepInstanceLock` gets the lock back. */
export interface LockKeeping {
  /** The connection broke. */
  onBroken: (error: Error) => void;
  /** Called before each try to take the lock again; what it throws ends the tries. */
  beforeRetake: () => Promise<void>;
  /** The lock is held again. */
  onRetaken: () => void;
  /** The lock is lost for good: another process has it, or `beforeRetake` gave up. */
  onLost: (error: Error) => void;
}

/**
 * Takes the database as `takeInstanceLock` does, and takes it again whenever the connection breaks. Right only where
 * something else keeps other processes away in the meantime, as the lock of the data folder does.
 */
export async function keepInstanceLock(databaseUrl: string, keeping: LockKeeping): Promise<InstanceLock> {
  let isReleased = false;
  const onBroken = (error: Error): void => {
    keeping.onBroken(error);
    void retake().catch(keeping.onLost);
  };
  const retake = async (): Promise<void> => {
    while (!isReleased) {
      await keeping.beforeRetake();
      try {
        lock = await takeInstanceLock(databaseUrl, onBroken);
        break;
      } catch (failure) {
        if (failure instanceof DatabaseInUseError) {
          throw failure;
        }
        await sleep(RETAKE_PAUSE_MS); // not up yet
      }
    }
    if (isReleased) {
      await lock.release();
    } else {
      keeping.onRetaken();
    }
  };
  let lock = await takeInstanceLock(databaseUrl, onBroken);
  return {
    release: async () => {
      isReleased = true;
      await lock.release();
    },
  };
}

/** Throws `DatabaseInUseError` when a process without Redis has the database. Works behind a transaction pooler. */
export async function assertNotHeld(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'posthorn' });
  client.on('error', () => undefined); // a broken connection also fails the query that waits on it
  try {
    await client.connect();
    for (let tried = 1; ; tried++) {
      // Of one statement, so gone with it.
      const result = await client.query<{ free: boolean }>('SELECT pg_try_advisory_xact_lock_shared($1) AS free', [
        INSTANCE_LOCK,
      ]);
      if (result.rows[0]?.free === true) {
        return;
      }
      if (tried === TRIES) {
        throw new DatabaseInUseError();
      }
      await sleep(RETRY_PAUSE_MS);
    }
  } finally {
    await client.end();
  }
}

async function waitForLock(client: Client): Promise<void> {
  for (let tried = 1; ; tried++) {
    const result = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [INSTANCE_LOCK]);
    if (result.rows[0]?.taken === true) {
      return;
    }
    if (tried === TRIES) {
      throw new DatabaseInUseError();
    }
    await sleep(RETRY_PAUSE_MS);
  }
}
