import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import { type DatabaseHold } from './database-hold';

/** Key of the advisory lock that a process without Redis holds for as long as it lives. */
const INSTANCE_LOCK = 7_054_961_002;
/** The session of a process that was killed a moment ago may need a little to go away. */
const TRIES = 40;
const RETRY_PAUSE_MS = 50;
const RETAKE_PAUSE_MS = 200;
/** The lock is gone with its session, which can end without a word to us: it is asked this often. */
const HEARTBEAT_MS = 2_000;
const ANSWER_WITHIN_MS = 5_000;
/** The server gives a session up that is silent for 15 s, so that a machine that lost its power does not keep the lock. */
const SESSION = 'SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2';
const GOODBYE_MS = 1_000;

/** Another process works on this database already, and without Redis there can be only one. */
export class DatabaseInUseError extends Error {
  override readonly name = 'DatabaseInUseError';

  constructor() {
    super(
      'Another Posthorn process uses this database. Without Redis only one may: stop it, or give this one another database.',
    );
  }
}

/** The connection leads to a pooler that gives a session of the server to many clients in turn. */
export class PooledSessionError extends Error {
  override readonly name = 'PooledSessionError';
}

/** The hold of this process on its database; gone with the connection, so a killed process never leaves it behind. */
export interface InstanceLock {
  release(): Promise<void>;
}

/** A session of the server; a pid alone may be given to another one. */
interface Session {
  pid: number;
  startedAt: string;
}

/** How `keepInstanceLock` gets the lock back. */
export interface LockKeeping {
  /** Lost and regained with the lock. */
  hold: DatabaseHold;
  /** The connection broke. */
  onBroken: (error: Error) => void;
  /** Called before each try to take the lock again; what it throws ends the tries. */
  beforeRetake?: () => Promise<void>;
  /** The lock is held again. */
  onRetaken: () => void;
  /** The lock is lost for good: another process has it, or `beforeRetake` gave up. */
  onLost: (error: Error) => void;
}

/**
 * Takes the database for this process alone, and takes it again whenever the connection breaks; until then `hold` is
 * lost. Throws `DatabaseInUseError` when another process has it, `PooledSessionError` when a lock cannot be held there.
 */
export async function keepInstanceLock(databaseUrl: string, keeping: LockKeeping): Promise<InstanceLock> {
  let isReleased = false;
  const onBroken = (error: Error): void => {
    keeping.hold.lose();
    keeping.onBroken(error);
    void retake().catch(keeping.onLost);
  };
  const retake = async (): Promise<void> => {
    while (!isReleased) {
      await keeping.beforeRetake?.();
      try {
        lock = await HeldLock.take(databaseUrl, onBroken, lock.session);
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
      keeping.hold.regain();
      keeping.onRetaken();
    }
  };
  let lock = await HeldLock.take(databaseUrl, onBroken);
  try {
    await assertOwnSession(databaseUrl, lock.session);
  } catch (error) {
    await lock.release();
    throw error;
  }
  return {
    release: async () => {
      isReleased = true;
      await lock.release();
    },
  };
}

/** The lock, with the connection that it lives on. */
class HeldLock implements InstanceLock {
  private isHeld = true;
  private heartbeat: NodeJS.Timeout | undefined;

  private constructor(
    private readonly client: Client,
    readonly session: Session,
    private readonly onBroken: (error: Error) => void,
  ) {
    client.on('error', (error) => this.giveUp(error));
    this.scheduleHeartbeat();
  }

  /**
   * `former` is the session in which this process held the lock before: the server may not have noticed its end. `onBroken`
   * is called once, when the connection breaks later on.
   */
  static async take(databaseUrl: string, onBroken: (error: Error) => void, former?: Session): Promise<HeldLock> {
    // Most poolers refuse the second setting, and so before a lock can get lost in them.
    const own = { keepAlive: true, statement_timeout: ANSWER_WITHIN_MS };
    const client = new Client({ ...clientConfig(databaseUrl, 'posthorn lock'), ...own });
    client.on('error', () => undefined); // while we are still asking, the question fails as well
    try {
      await client.connect();
      await client.query(SESSION);
      if (former !== undefined) {
        await endSession(client, former);
      }
      return new HeldLock(client, await waitForLock(client), onBroken);
    } catch (error) {
      await end(client);
      throw error;
    }
  }

  async release(): Promise<void> {
    this.isHeld = false;
    clearTimeout(this.heartbeat);
    await end(this.client);
  }

  private giveUp(error: Error): void {
    if (this.isHeld) {
      void this.release();
      this.onBroken(error);
    }
  }

  private scheduleHeartbeat(): void {
    this.heartbeat = setTimeout(() => {
      this.client.query('SELECT 1').then(
        () => this.isHeld && this.scheduleHeartbeat(),
        (error: Error) => this.giveUp(error),
      );
    }, HEARTBEAT_MS);
    this.heartbeat.unref();
  }
}

function clientConfig(connectionString: string, applicationName: string): ClientConfig {
  return {
    connectionString,
    application_name: applicationName,
    connectionTimeoutMillis: ANSWER_WITHIN_MS,
    query_timeout: ANSWER_WITHIN_MS,
  };
}

/** Does not wait for the goodbye of a server that is out of reach. */
async function end(client: Client): Promise<void> {
  await Promise.race([client.end(), sleep(GOODBYE_MS, undefined, { ref: false })]);
}

/** Ends it if it is still there; an earlier session of this process, and so of the same database user. */
async function endSession(client: Client, { pid, startedAt }: Session): Promise<void> {
  await client.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2',
    [pid, startedAt],
  );
}

/** Of two connections at once each has its own session, unless a pooler in transaction or statement mode is between. */
async function assertOwnSession(databaseUrl: string, { pid }: Session): Promise<void> {
  const client = new Client(clientConfig(databaseUrl, 'posthorn'));
  client.on('error', () => undefined); // a broken connection also fails the query that waits on it
  try {
    await client.connect();
    // The lock must not stay in a session that the pooler keeps.
    const { rows } = await client.query<{ isPooled: boolean }>(
      `SELECT CASE WHEN pg_backend_pid() = $1 THEN pg_advisory_unlock($2) ELSE false END AS "isPooled"`,
      [pid, INSTANCE_LOCK],
    );
    if (rows[0]?.isPooled === true) {
      throw new PooledSessionError('two connections share one session of the server');
    }
  } finally {
    await end(client);
  }
}

/** Throws `DatabaseInUseError` when a process without Redis has the database. Works behind a transaction pooler. */
export async function assertNotHeld(databaseUrl: string): Promise<void> {
  const client = new Client(clientConfig(databaseUrl, 'posthorn'));
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
    await end(client);
  }
}

async function waitForLock(client: Client): Promise<Session> {
  for (let tried = 1; ; tried++) {
    const { rows } = await client.query<Session & { taken: boolean }>(
      `SELECT pg_try_advisory_lock($1) AS taken, pid, backend_start::text AS "startedAt"
       FROM pg_stat_activity WHERE pid = pg_backend_pid()`,
      [INSTANCE_LOCK],
    );
    const [row] = rows;
    if (row?.taken === true) {
      return row;
    }
    if (tried === TRIES) {
      throw new DatabaseInUseError();
    }
    await sleep(RETRY_PAUSE_MS);
  }
}
