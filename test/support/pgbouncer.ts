import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { findOrCreateServerUser, isRoot } from '@/infra/database/embedded/server-user';
import { eventually } from './eventually';
import { freePort } from './free-port';
import { systemProgram } from './system-program';
import { Undertaker } from './undertaker';

const START_TIMEOUT_MS = 10_000;

/** How a PgBouncer is beside an ordinary one. */
export interface PgBouncerOptions {
  mode?: 'transaction' | 'session';
  /** Connections to the server, for each database. */
  poolSize?: number;
  /** Further lines of its section `pgbouncer`. */
  settings?: readonly string[];
}

/** A real PgBouncer in front of a test database, on a port of its own. */
export class PgBouncer {
  private child: ChildProcess | undefined;

  constructor(
    /** The database through it, for DATABASE_URL. */
    readonly url: string,
    private readonly program: string,
    private readonly dir: string,
    private readonly undertaker: Undertaker,
  ) {}

  /** Starts it (again), and waits until it answers. */
  async start(): Promise<void> {
    // It refuses to run as root.
    const user = isRoot() ? await findOrCreateServerUser(() => undefined) : {};
    const child = spawn(this.program, [configFile(this.dir)], { ...user, stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    this.undertaker.watch(child.pid ?? -1);
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)));
    await eventually(() => answers(this.url), START_TIMEOUT_MS).catch((error: unknown) => {
      throw new Error(`PgBouncer does not answer; it said:\n${output}`, { cause: error });
    });
  }

  /** Every connection through it breaks. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    this.undertaker.forget(child.pid ?? -1);
  }

  async stop(): Promise<void> {
    await this.kill();
    this.undertaker.dismiss();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Starts one on a free loopback port. Installs it where it is missing and we may; else the error says what to do. */
export async function startPgBouncer(databaseUrl: string, options: PgBouncerOptions = {}): Promise<PgBouncer> {
  const program = await systemProgram('pgbouncer', 'pgbouncer');
  const dir = await mkdtemp(join(tmpdir(), 'posthorn-pgbouncer-'));
  await chmod(dir, 0o755); // another user has to get in
  const port = await freePort();
  await writeFile(configFile(dir), `${configOf(new URL(databaseUrl), port, options).join('\n')}\n`);
  const url = `postgres://posthorn@127.0.0.1:${port}${new URL(databaseUrl).pathname}`;
  const bouncer = new PgBouncer(url, program, dir, new Undertaker(dir));
  try {
    await bouncer.start();
    return bouncer;
  } catch (error) {
    await bouncer.stop();
    throw error;
  }
}

function configFile(dir: string): string {
  return join(dir, 'pgbouncer.ini');
}

/** It lets everybody in, and is itself the user of the test database. */
function configOf(
  { hostname, port, username, password }: URL,
  listenPort: number,
  options: PgBouncerOptions,
): string[] {
  const login = `user='${decodeURIComponent(username)}' password='${decodeURIComponent(password)}'`;
  return [
    '[databases]',
    `* = host=${hostname} port=${port} ${login}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${listenPort}`,
    'unix_socket_dir =',
    'auth_type = any',
    `pool_mode = ${options.mode ?? 'transaction'}`,
    `default_pool_size = ${options.poolSize ?? 4}`,
    'max_client_conn = 500',
    ...(options.settings ?? []),
  ];
}

async function answers(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // a broken connection also fails the query
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    await client.end();
  }
}
