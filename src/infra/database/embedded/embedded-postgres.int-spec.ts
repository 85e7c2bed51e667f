import { transformFileSync } from '@swc/core';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { eventually } from '../../../../test/support/eventually';
import { adoptServer } from './adopt-server';
import { type Cluster, findCluster, SYSTEM_DIR } from './cluster';
import { DataDirInUseError } from './data-dir-lock';
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres';
import { preparePostgresBinaries } from './postgres-binaries';
import { findPostmaster, stopPostmaster } from './postmaster';
import { findProcess } from './process-identity';
import { serverSettings } from './server-settings';
import { isRoot } from './server-user';

jest.setTimeout(60_000);

const FAST = { fsync: 'off' };
const IDLE_SCRIPT = 'setInterval(() => {}, 1000)';

describe('startEmbeddedPostgres', () => {
  let scratch: string;
  let dataDir: string;
  let lines: string[];
  let children: ChildProcess[];
  let onLine: ((line: string) => void) | undefined;

  beforeEach(async () => {
    scratch = await realpath(await mkdtemp(join(tmpdir(), 'posthorn-embedded-')));
    await chmod(scratch, 0o755); // as root the server runs as another user, who has to get in
    dataDir = join(scratch, 'data');
    lines = [];
    children = [];
    onLine = undefined;
  });

  afterEach(async () => {
    children.forEach((child) => child.kill('SIGKILL'));
    const cluster = await findCluster(dataDir).catch(() => undefined);
    const left = cluster && (await findPostmaster(cluster.dir));
    if (cluster && left) {
      await stopPostmaster(cluster.dir, left.pid);
    }
    if (cluster?.dir.startsWith(SYSTEM_DIR)) {
      await rm(dirname(cluster.dir), { recursive: true });
    }
    await rm(scratch, { recursive: true });
  });

  function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
    const log = (line: string): void => {
      lines.push(line);
      onLine?.(line);
    };
    return startEmbeddedPostgres({ dataDir, log, settings: FAST, ...options });
  }

  /** Some other program, of the user given by `owner`. */
  function idleProcess(owner: { uid?: number; gid?: number } = {}): ChildProcess & { pid: number } {
    const child = spawn('sleep', ['60'], { ...owner, stdio: 'ignore' });
    children.push(child);
    return child as ChildProcess & { pid: number };
  }

  /** A Node process of its own that has started the server and keeps it. */
  async function startInChild(): Promise<{ kill: () => Promise<void>; pid: number; connectionUrl: string }> {
    const compiled = await compileTo(join(scratch, 'compiled'));
    const script = `
      require(${JSON.stringify(join(compiled, 'embedded-postgres.js'))})
        .startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, log: () => {}, settings: ${JSON.stringify(FAST)} })
        .then((postgres) => { console.log(postgres.connectionUrl); ${IDLE_SCRIPT} });`;
    const child = spawn(process.execPath, ['-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_PATH: join(process.cwd(), 'node_modules') },
    });
    children.push(child);
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    };
    return { kill, pid: child.pid ?? 0, connectionUrl: chunk.toString().trim() };
  }

  async function postmasterPid(): Promise<number | undefined> {
    const cluster = await findCluster(dataDir);
    return cluster && (await findPostmaster(cluster.dir))?.pid;
  }

  it('starts a durable server on loopback with a fresh folder', async () => {
    const postgres = await start({ settings: {} });
    const [row] = await query(
      postgres.connectionUrl,
      `SELECT current_database() AS database, current_setting('fsync') AS fsync, current_setting('listen_addresses') AS host,
        current_setting('unix_socket_directories') AS sockets, current_setting('password_encryption') AS passwords,
        current_setting('server_encoding') AS encoding, current_setting('data_checksums') AS checksums,
        lower('ÄÖ') AS lower, array(SELECT x FROM unnest(array['a', 'B', 'ä']) x ORDER BY x) AS sorted`,
    );
    await postgres.stop();

    expect(row).toEqual({
      database: 'posthorn',
      fsync: 'on',
      host: '127.0.0.1',
      sockets: '',
      passwords: 'scram-sha-256',
      encoding: 'UTF8',
      checksums: 'on',
      lower: 'äö',
      sorted: ['B', 'a', 'ä'],
    });
    expect(postgres.isAdopted).toBe(false);
    expect(lines).toEqual(['initialising the database', expect.stringMatching(/^starting PostgreSQL 18\.\d+$/)]);
  });

  it('asks for the password, which only its user can read', async () => {
    const postgres = await start();
    const wrong = new URL(postgres.connectionUrl);
    wrong.password = 'guess';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    await postgres.stop();
    expect((await stat(join(dataDir, 'postgres.json'))).mode & 0o777).toBe(0o600);
  });

  it('keeps the data over a restart', async () => {
    const first = await start();
    await query(first.connectionUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    await first.stop();

    const second = await start();
    const rows = await query(second.connectionUrl, 'SELECT * FROM kept');
    await second.stop();
    expect(rows).toEqual([{ answer: 42 }]);
    expect(second.isAdopted).toBe(false);
    expect(await postmasterPid()).toBeUndefined();
  });

  it('cuts off idle clients when it stops', async () => {
    const postgres = await start();
    const client = new Client({ connectionString: postgres.connectionUrl });
    const lost = new Promise<Error>((resolve) => client.on('error', resolve));
    await client.connect();
    await postgres.stop();
    expect((await lost).message).toContain('terminating connection');
  });

  it('adopts the server of a process that was killed', async () => {
    const child = await startInChild();
    await query(child.connectionUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const pid = await postmasterPid();
    await child.kill();

    const postgres = await start();
    expect(postgres.isAdopted).toBe(true);
    expect(postgres.connectionUrl).toBe(child.connectionUrl);
    expect(await postmasterPid()).toBe(pid);
    expect(await query(postgres.connectionUrl, 'SELECT * FROM kept')).toEqual([{ answer: 42 }]);
    expect(lines).toEqual([expect.stringMatching(/^adopting the PostgreSQL/)]);
    await postgres.stop();
    expect(await postmasterPid()).toBeUndefined();
  });

  it('replaces a left server that has other settings', async () => {
    const child = await startInChild();
    await child.kill();

    const postgres = await start({ settings: { ...FAST, max_connections: '33' } });
    const rows = await query(postgres.connectionUrl, 'SHOW max_connections');
    await postgres.stop();
    expect(rows).toEqual([{ max_connections: '33' }]);
    expect(postgres.isAdopted).toBe(false);
    expect(lines[0]).toMatch(/^stopping the PostgreSQL .* settings or version are old$/);
  });

  it('stops a left server that takes no connections', async () => {
    const child = await startInChild();
    await child.kill();
    const pid = await postmasterPid();
    process.kill(pid ?? 0, 'SIGSTOP');

    const cluster = (await findCluster(dataDir)) as Cluster;
    const { version } = await preparePostgresBinaries({ user: undefined, copyParent: dataDir, log: () => undefined });
    const adopted = await adoptServer(cluster, serverSettings(version, FAST), (line) => lines.push(line), 300);
    expect(adopted).toBeUndefined();
    expect(await postmasterPid()).toBeUndefined();
    expect(lines).toContainEqual(expect.stringMatching(/^stopping the PostgreSQL .* it takes no connections$/));
  });

  it('refuses the second of two processes', async () => {
    const child = await startInChild();
    const refusal = start();
    await expect(refusal).rejects.toBeInstanceOf(DataDirInUseError);
    await expect(refusal).rejects.toThrow(`The data folder ${dataDir} is in use by process ${child.pid}.`);
    expect(await query(child.connectionUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('takes over a lock whose pid now belongs to another process', async () => {
    const { pid } = idleProcess();
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'posthorn.lock'), JSON.stringify({ pid, startedAt: 'before' }));
    const postgres = await start();
    const lock = JSON.parse(await readFile(join(dataDir, 'posthorn.lock'), 'utf8'));
    await postgres.stop();
    expect(lock).toEqual(await findProcess(process.pid));
    expect(await readdir(dataDir)).not.toContain('posthorn.lock');
  });

  it('lets exactly one of many that find a stale lock have the folder', async () => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'posthorn.lock'), JSON.stringify({ pid: 999_999_999, startedAt: 'before' }));
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => start()));
    const winners = results.filter((result) => result.status === 'fulfilled');
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
    await Promise.all(winners.map((winner) => winner.value.stop()));
    expect(winners).toHaveLength(1);
    expect(errors.map((error) => error.name)).toEqual(Array.from({ length: 7 }, () => 'DataDirInUseError'));
  });

  it('starts after a crash of the server, even when its pid now belongs to another process', async () => {
    const first = await start();
    await query(first.connectionUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const pidFile = join(dataDir, 'pg', 'postmaster.pid');
    const crashed = await readFile(pidFile, 'utf8');
    process.kill(Number(crashed.split('\n')[0]), 'SIGKILL');
    await first.stop();
    // The server would take any process of its own user for a living server: give it one.
    const { uid, gid } = await stat(join(dataDir, 'pg'));
    const other = idleProcess(isRoot() ? { uid, gid } : {});
    await writeFile(pidFile, crashed.replace(/^\d+/, String(other.pid)));

    const second = await start();
    const rows = await query(second.connectionUrl, 'SELECT * FROM kept');
    await second.stop();
    expect(rows).toEqual([{ answer: 42 }]);
    expect(second.isAdopted).toBe(false);
    expect(other.exitCode ?? other.signalCode).toBeNull();
  });

  it('reports when the server ends by itself', async () => {
    const postgres = await start();
    const reported = new Promise<void>((resolve) => (onLine = (line) => line.includes('unexpectedly') && resolve()));
    process.kill((await postmasterPid()) ?? 0, 'SIGKILL');
    await reported;
    await postgres.stop();
    expect(lines.at(-1)).toBe('PostgreSQL ended unexpectedly with SIGKILL; see postgres.log');
  });

  it('starts a server that ended by itself again, at the same address', async () => {
    const postgres = await start();
    await query(postgres.connectionUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const first = (await postmasterPid()) ?? 0;
    process.kill(first, 'SIGKILL');
    await eventually(async () => expect(await postmasterPid()).toBeUndefined());
    await Promise.all([postgres.revive(), postgres.revive()]);

    expect(await query(postgres.connectionUrl, 'SELECT * FROM kept')).toEqual([{ answer: 42 }]);
    const second = await postmasterPid();
    await postgres.revive(); // it runs: nothing to do
    expect(await postmasterPid()).toBe(second);

    await postgres.stop();
    await postgres.revive();
    expect(await postmasterPid()).toBeUndefined();
    expect(lines.filter((line) => line === 'starting PostgreSQL again')).toHaveLength(1);
  });

  it('starts an adopted server again when it ends', async () => {
    const left = await startInChild();
    await left.kill();
    const postgres = await start();
    expect(postgres.isAdopted).toBe(true);
    process.kill((await postmasterPid()) ?? 0, 'SIGKILL');
    await eventually(async () => expect(await postmasterPid()).toBeUndefined());
    await postgres.revive();

    expect(await query(left.connectionUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await postgres.stop();
  });

  it('initialises again when the first time was interrupted', async () => {
    const first = await start();
    await first.stop();
    // What a kill in the middle leaves: the password is written, the cluster still has its temporary name.
    const state = JSON.parse(await readFile(join(dataDir, 'postgres.json'), 'utf8'));
    await writeFile(join(dataDir, 'postgres.json'), JSON.stringify({ ...state, isInitialised: false }));
    await rm(join(dataDir, 'pg'), { recursive: true });
    await mkdir(join(dataDir, 'pg.tmp-half', 'base'), { recursive: true });
    lines = [];

    const second = await start();
    expect(await query(second.connectionUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await second.stop();
    expect(lines[0]).toBe('initialising the database');
    expect(await readdir(dataDir)).not.toContain('pg.tmp-half');
  });

  it('does not replace a database that has gone missing by an empty one', async () => {
    const first = await start();
    await first.stop();
    await rm(join(dataDir, 'pg'), { recursive: true });
    await expect(start()).rejects.toThrow(`The database of ${dataDir} was kept in ${join(dataDir, 'pg')} and is gone.`);
    await expect(start()).rejects.not.toBeInstanceOf(DataDirInUseError);
  });

  it('says in its error what the server has logged', async () => {
    await expect(start({ settings: { ...FAST, shared_buffers: 'much' } })).rejects.toThrow(
      'invalid value for parameter "shared_buffers"',
    );
    const postgres = await start();
    await postgres.stop();
  });

  it('empties a log of more than 10 MB', async () => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'postgres.log'), Buffer.alloc(10 * 1024 * 1024 + 1, 'x'));
    const postgres = await start();
    await postgres.stop();
    expect((await stat(join(dataDir, 'postgres.log'))).size).toBeLessThan(10_000);
  });

  (isRoot() ? it : it.skip)('keeps the data elsewhere when root has a folder that nobody else may enter', async () => {
    await chmod(scratch, 0o700);
    const first = await start();
    await query(first.connectionUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    expect((await findCluster(dataDir))?.dir).toMatch(/^\/var\/lib\/posthorn\/data-[0-9a-f]{8}\/pg$/);

    await chmod(scratch, 0o755); // the database stays where it is, even when it could move
    const second = await start();
    const rows = await query(second.connectionUrl, 'SELECT * FROM kept');
    await second.stop();
    expect(rows).toEqual([{ answer: 42 }]);
  });
});

async function query(connectionString: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The code under test as JavaScript, for a process without Jest. */
async function compileTo(target: string): Promise<string> {
  await mkdir(target);
  for (const file of await readdir(__dirname)) {
    if (file.endsWith('.ts') && !file.endsWith('spec.ts')) {
      const { code } = transformFileSync(join(__dirname, file), {
        jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs' },
      });
      await writeFile(join(target, file.replace(/ts$/, 'js')), code);
    }
  }
  return target;
}
