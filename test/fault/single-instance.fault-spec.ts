import { Client } from 'pg';
import { createDataDir, findPostgres, removeDataDir } from '../support/data-dir';
import { eventually } from '../support/eventually';
import { type PosthornProcess, spawnPosthorn, startPosthorn } from '../support/posthorn-process';

/** The key of the lock that keeps a second process away; the database names it in pg_locks. */
const INSTANCE_LOCK = 7_054_961_002;

describe('two servers on one database', () => {
  let dataDir: string;
  let embedded: PosthornProcess;
  let databaseUrl: string;

  beforeAll(async () => {
    dataDir = await createDataDir();
    embedded = await startPosthorn({ env: { DATA_DIR: dataDir } });
    const main = (await findPostgres(dataDir))?.databaseUrl ?? '';
    await query(main, 'CREATE DATABASE standalone');
    databaseUrl = main.replace('/posthorn?', '/standalone?');
  }, 60_000);

  afterAll(async () => {
    await embedded?.stop();
    await removeDataDir(dataDir);
  }, 60_000);

  it('refuses the second one in a data folder', async () => {
    const second = spawnPosthorn({ env: { DATA_DIR: dataDir } });

    expect(await second.waitExit()).toEqual({ code: 1, signal: null });
    expect([...second.stdout, ...second.stderr]).toEqual([
      `The data folder ${dataDir} is in use by process ${embedded.pid}. Stop that process, or give this one another folder.`,
    ]);
    expect((await fetch(`${embedded.url}/health/ready`)).status).toBe(200);
  }, 30_000);

  it('refuses the second one on a database', async () => {
    const otherDir = await createDataDir();
    const first = await startPosthorn({ env: { DATABASE_URL: databaseUrl, DATA_DIR: otherDir } });
    const second = spawnPosthorn({ env: { DATABASE_URL: databaseUrl, DATA_DIR: otherDir } });

    expect(await second.waitExit()).toEqual({ code: 1, signal: null });
    expect([...second.stdout, ...second.stderr]).toEqual([
      'Another Posthorn process uses this database. Without Redis only one may: stop it, or give this one another database.',
    ]);
    expect((await fetch(`${first.url}/health/ready`)).status).toBe(200);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    await removeDataDir(otherDir);
  }, 30_000);

  it('takes over from one that was killed a moment ago', async () => {
    const otherDir = await createDataDir();
    const first = await startPosthorn({ env: { DATABASE_URL: databaseUrl, DATA_DIR: otherDir } });
    first.kill('SIGKILL');
    const second = await startPosthorn({ env: { DATABASE_URL: databaseUrl, DATA_DIR: otherDir } });

    expect(await second.stop()).toEqual({ code: 0, signal: null });
    await removeDataDir(otherDir);
  }, 60_000);

  it('survives the end of the connection that holds its database', async () => {
    const otherDir = await createDataDir();
    const server = await startPosthorn({ env: { DATABASE_URL: databaseUrl, DATA_DIR: otherDir } });
    await endHolder(databaseUrl, 'standalone');

    await eventually(() => expect(messagesOf(server)).toContain('the database is held again: work goes on'));
    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
    const second = spawnPosthorn({ env: { DATABASE_URL: databaseUrl, DATA_DIR: otherDir } });
    expect(await second.waitExit()).toEqual({ code: 1, signal: null });
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    await removeDataDir(otherDir);
  }, 30_000);

  it('ends when another process has taken its database meanwhile, and does nothing until it knows', async () => {
    const otherDir = await createDataDir();
    const server = await startPosthorn({ env: { DATABASE_URL: databaseUrl, DATA_DIR: otherDir } });
    const rival = await takeFrom(databaseUrl, 'standalone');

    const ready = await fetch(`${server.url}/health/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([
      503,
      { status: 'error', details: { database: { status: 'down', message: expect.stringContaining('holds') } } },
    ]);
    expect(await server.waitExit()).toEqual({ code: 1, signal: null });
    expect(JSON.parse(server.stdout.at(-1) ?? '{}')).toMatchObject({
      level: 'fatal',
      msg: 'the hold on the database is lost for good, so this process ends',
      err: { type: 'DatabaseInUseError', message: expect.stringContaining('Another Posthorn process') },
    });
    await rival.end();
    await removeDataDir(otherDir);
  }, 30_000);

  it('refuses a pooler in transaction mode, which cannot keep the hold', async () => {
    const env = { DATABASE_URL: databaseUrl, DATA_DIR: dataDir, DATABASE_POOLER: 'transaction' };
    const server = spawnPosthorn({ env });

    expect(await server.waitExit()).toEqual({ code: 1, signal: null });
    expect(server.output()).toMatch(/^Cannot start, a setting is wrong:\nDATABASE_POOLER: without REDIS_URL .*/);
  }, 30_000);

  it('ends an embedded one when another process has taken the database meanwhile', async () => {
    const url = (await findPostgres(dataDir))?.databaseUrl ?? '';
    const rival = await takeFrom(url, 'posthorn');

    expect(await embedded.waitExit()).toEqual({ code: 1, signal: null });
    expect(JSON.parse(embedded.stdout.at(-1) ?? '{}')).toMatchObject({
      level: 'fatal',
      err: { type: 'DatabaseInUseError' },
    });
    await rival.end();
  }, 30_000);
});

/** The messages of its log. */
function messagesOf(server: PosthornProcess): string[] {
  return server.stdout.map((line) => (JSON.parse(line) as { msg: string }).msg);
}

/** Ends the session that has the lock of this database. */
async function endHolder(databaseUrl: string, database: string): Promise<void> {
  await query(
    databaseUrl,
    `SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database
     WHERE locktype = 'advisory' AND granted AND datname = '${database}'
       AND (classid::bigint << 32) + objid::bigint = ${INSTANCE_LOCK}`,
  );
}

/** Has the lock as soon as its holder is gone, because it waits in the line; the caller ends the connection. */
async function takeFrom(databaseUrl: string, database: string): Promise<Client> {
  const rival = new Client({ connectionString: databaseUrl });
  await rival.connect();
  const taken = rival.query('SELECT pg_advisory_lock($1)', [INSTANCE_LOCK]);
  await eventually(async () => expect(await waitingFor(databaseUrl)).toBe(1));
  await endHolder(databaseUrl, database);
  await taken;
  return rival;
}

async function waitingFor(databaseUrl: string): Promise<number> {
  const rows = await query(databaseUrl, "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
  return rows.length;
}

async function query(databaseUrl: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
