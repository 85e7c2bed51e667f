import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { eventually } from '../../../test/support/eventually';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database';
import { dataSourceOptions } from './data-source-options';
import { isDatabaseUnavailable } from './database-errors';
import { DatabaseHold } from './database-hold';
import { DatabaseInUseError, type InstanceLock, keepInstanceLock } from './instance-lock';

const INSTANCE_LOCK = 7_054_961_002;
/** A heartbeat, and the time that its answer may take. */
const NOTICED_WITHIN_MS = 10_000;

/** Passes connections on to Postgres, and can lose them in ways that a network has. */
class Way {
  private readonly pairs: [Socket, Socket][] = [];
  private readonly server = createServer((near) => {
    const { hostname, port } = this.target;
    const far = connect(Number(port), hostname);
    far.on('error', () => near.destroy());
    near.on('error', () => undefined);
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => near.write(chunk));
    far.on('close', () => near.destroy());
    this.pairs.push([near, far]);
  });

  constructor(private readonly target: URL) {}

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** Our side ends, and the server is not told. */
  forget(): void {
    this.pairs.splice(0).forEach(([near]) => near.resetAndDestroy());
  }

  /** Nothing passes any more on the connections that there are, and nobody is told. */
  freeze(): void {
    this.pairs.splice(0).forEach((pair) => pair.forEach((socket) => socket.pause()));
  }

  close(): void {
    this.pairs.flat().forEach((socket) => socket.destroy());
    this.server.close();
  }
}

describe('the hold on a database', () => {
  let database: TestDatabase;
  let way: Way;
  let url: string;
  let other: Client;
  let hold: DatabaseHold;
  let events: string[];
  let lock: InstanceLock | undefined;

  beforeEach(async () => {
    database = await createTestDatabase();
    way = new Way(new URL(database.url));
    url = await way.open();
    other = new Client({ connectionString: database.url, application_name: 'other' });
    await other.connect();
    hold = new DatabaseHold();
    events = [];
  }, 60_000);

  afterEach(async () => {
    await lock?.release();
    lock = undefined;
    await other.end();
    way.close();
    await database.drop();
  });

  async function take(): Promise<void> {
    lock = await keepInstanceLock(url, {
      hold,
      onBroken: () => void events.push(`broken, ${hold.isHeld ? 'held' : 'lost'}`),
      onRetaken: () => void events.push(`retaken, ${hold.isHeld ? 'held' : 'lost'}`),
      onLost: (error) => void events.push(error.name),
    });
  }

  async function holders(): Promise<number[]> {
    const { rows } = await other.query<{ pid: number }>(
      `SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
       WHERE locktype = 'advisory' AND granted AND datname = current_database()
         AND (classid::bigint << 32) + objid::bigint = $1`,
      [INSTANCE_LOCK],
    );
    return rows.map(({ pid }) => pid);
  }

  async function terminateHolder(): Promise<void> {
    const [pid] = await holders();
    await other.query('SELECT pg_terminate_backend($1)', [pid]);
  }

  it('keeps a second process away, and lets it in afterwards', async () => {
    await take();

    await expect(
      keepInstanceLock(database.url, {
        hold: new DatabaseHold(),
        onBroken: () => undefined,
        onRetaken: () => undefined,
        onLost: () => undefined,
      }),
    ).rejects.toThrow(DatabaseInUseError);
    await lock?.release();
    await eventually(async () => expect(await holders()).toEqual([]));

    await take();
    expect(await holders()).toHaveLength(1);
    expect(events).toEqual([]);
  });

  it('is lost with its connection, and taken again', async () => {
    await take();
    const before = await holders();

    await terminateHolder();

    await eventually(() => expect(events).toEqual(['broken, lost', 'retaken, held']));
    expect(await holders()).toHaveLength(1);
    expect(await holders()).not.toEqual(before);

    await terminateHolder();
    await eventually(() => expect(events).toHaveLength(4));
    expect(hold.isHeld).toBe(true);
  });

  it('does not take its own former session, which the server has not given up, for another process', async () => {
    await take();
    const before = await holders();

    way.forget();

    await eventually(() => expect(events).toEqual(['broken, lost', 'retaken, held']));
    expect(await holders()).toHaveLength(1);
    expect(await holders()).not.toEqual(before);
  });

  it('is lost when the connection is silent, and taken again over a new one', async () => {
    await take();

    way.freeze();

    await eventually(() => expect(events).toEqual(['broken, lost', 'retaken, held']), NOTICED_WITHIN_MS);
    expect(await holders()).toHaveLength(1);
  }, 20_000);

  it('is lost for good when another process has the lock by then', async () => {
    await take();
    // Waits in the line for the lock, and so has it as soon as its holder is gone.
    const taken = other.query('SELECT pg_advisory_lock($1)', [INSTANCE_LOCK]);
    const admin = new Client({ connectionString: database.url });
    await admin.connect();
    await eventually(async () => {
      const { rows } = await admin.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
      expect(rows).toHaveLength(1);
    });
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'posthorn lock' AND datname = current_database()",
    );
    await taken;
    await admin.end();

    await eventually(() => expect(events).toEqual(['broken, lost', 'DatabaseInUseError']), NOTICED_WITHIN_MS);
    expect(hold.isHeld).toBe(false);
  });

  it('stops trying when it is released meanwhile', async () => {
    await take();
    way.close();
    await eventually(() => expect(events).toEqual(['broken, lost']));

    await lock?.release();
    await eventually(async () => expect(await holders()).toEqual([]));

    expect(events).toEqual(['broken, lost']);
  });

  it('is what every query of the program needs: without it Postgres seems to be away', async () => {
    const dataSource = await new DataSource(dataSourceOptions(url, 2, false, hold)).initialize();
    const read = (): Promise<unknown> => dataSource.query('SELECT 1 AS one');
    await expect(read()).resolves.toEqual([{ one: 1 }]);

    hold.lose();
    const error: unknown = await read().catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: '57P03' });
    expect(isDatabaseUnavailable(error)).toBe(true);
    await expect(dataSource.transaction(() => read())).rejects.toThrow('the connection that holds the database');

    hold.regain();
    await expect(read()).resolves.toEqual([{ one: 1 }]);
    await dataSource.destroy();
  });
});
