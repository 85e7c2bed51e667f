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

  it('ends when the hold on its database is lost', async () => {
    const otherDir = await createDataDir();
    const server = await startPosthorn({ env: { DATABASE_URL: databaseUrl, DATA_DIR: otherDir } });
    await query(
      databaseUrl,
      `SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database
       WHERE locktype = 'advisory' AND datname = 'standalone' AND (classid::bigint << 32) + objid::bigint = ${INSTANCE_LOCK}`,
    );

    expect(await server.waitExit()).toEqual({ code: 1, signal: null });
    const last = JSON.parse(server.stdout.at(-1) ?? '{}') as Record<string, unknown>;
    expect(last).toMatchObject({
      level: 'fatal',
      msg: 'the hold on the database is lost: another process may take it over, so this one ends',
      err: { message: 'terminating connection due to administrator command' },
    });
    await removeDataDir(otherDir);
  }, 30_000);

  it('ends an embedded one when another process has taken the database meanwhile', async () => {
    const url = (await findPostgres(dataDir))?.databaseUrl ?? '';
    const rival = new Client({ connectionString: url });
    await rival.connect();
    // Waits in the line for the lock, and so has it as soon as its holder is gone.
    const taken = rival.query('SELECT pg_advisory_lock($1)', [INSTANCE_LOCK]);
    await eventually(async () => expect(await waitingFor(url)).toBe(1));
    await query(
      url,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'posthorn lock' AND datname = 'posthorn'",
    );
    await taken;

    expect(await embedded.waitExit()).toEqual({ code: 1, signal: null });
    expect(JSON.parse(embedded.stdout.at(-1) ?? '{}')).toMatchObject({
      level: 'fatal',
      err: { type: 'DatabaseInUseError' },
    });
    await rival.end();
  }, 30_000);
});

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
