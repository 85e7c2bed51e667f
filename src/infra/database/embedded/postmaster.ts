import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLineOf } from './process-identity';

const FAST_SHUTDOWN: NodeJS.Signals = 'SIGINT';
const IMMEDIATE_SHUTDOWN: NodeJS.Signals = 'SIGQUIT';
const POLL_MS = 10;
/** A fast shutdown writes a checkpoint: up to all of shared_buffers, on a slow disk. */
const FAST_SHUTDOWN_MS = 60_000;
const IMMEDIATE_SHUTDOWN_MS = 10_000;
/** No system gives this pid to a process (Linux stops at 2^22, macOS at 99,998), so PostgreSQL finds it dead. */
const IMPOSSIBLE_PID = 2_147_483_646;

/** The main process of a PostgreSQL server, as its file `postmaster.pid` describes it. */
export interface Postmaster {
  pid: number;
  /** Undefined in the first moments of a start. */
  port: number | undefined;
  status: 'starting' | 'ready' | 'stopping' | 'standby' | undefined;
}

/** The living server of a cluster, or undefined; a pid that now belongs to another program counts as dead. */
export async function findPostmaster(clusterDir: string): Promise<Postmaster | undefined> {
  const postmaster = await readPidFile(clusterDir);
  return postmaster !== undefined && (await isPostmasterOf(postmaster.pid, clusterDir)) ? postmaster : undefined;
}

/** Lines of postmaster.pid: pid, folder, start, port, socket folder, listen address, shared memory, status. */
export async function readPidFile(clusterDir: string): Promise<Postmaster | undefined> {
  const lines = (await readIfThere(pidFileOf(clusterDir))).split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!Number.isSafeInteger(pid) || pid <= 0) {
    return undefined;
  }
  const status = lines[7]?.trim();
  return {
    pid,
    port: port > 0 ? port : undefined,
    status: status === '' ? undefined : (status as Postmaster['status']),
  };
}

/** Whether the running server was started with these arguments, the port (always the last of them) aside. */
export async function hasArguments(clusterDir: string, args: string[]): Promise<boolean> {
  const options = await readIfThere(join(clusterDir, 'postmaster.opts'));
  const quoted = args.slice(0, -1).map((arg) => `"${arg}"`);
  return options.includes(` ${quoted.join(' ')} "port=`);
}

/**
 * Repairs a `postmaster.pid` that would keep PostgreSQL from starting although its server is dead: the file is empty,
 * or its pid is taken, by another program or by the dead server itself, which nobody has buried yet. The pid is replaced and the rest kept, because PostgreSQL then still
 * checks whether old server processes are attached to the shared memory named there.
 */
export async function disarmStalePidFile(clusterDir: string): Promise<void> {
  const path = pidFileOf(clusterDir);
  const stale = await readPidFile(clusterDir);
  if (stale === undefined) {
    await rm(path, { force: true });
  } else if (isTaken(stale.pid) && !(await isPostmasterOf(stale.pid, clusterDir))) {
    const [, ...rest] = (await readFile(path, 'utf8')).split('\n');
    await writeFile(path, [String(IMPOSSIBLE_PID), ...rest].join('\n'));
  }
}

/** Stops the server of a cluster: fast (a clean shutdown that does not wait for clients), then without a checkpoint. */
export async function stopPostmaster(clusterDir: string, pid: number): Promise<void> {
  if (await signalAndWait(clusterDir, pid, FAST_SHUTDOWN, FAST_SHUTDOWN_MS)) {
    return;
  }
  if (!(await signalAndWait(clusterDir, pid, IMMEDIATE_SHUTDOWN, IMMEDIATE_SHUTDOWN_MS))) {
    throw new Error(`PostgreSQL (pid ${pid}, data in ${clusterDir}) does not stop.`);
  }
}

async function signalAndWait(
  clusterDir: string,
  pid: number,
  signal: NodeJS.Signals,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  if (!(await isPostmasterOf(pid, clusterDir))) {
    return true;
  }
  try {
    process.kill(pid, signal);
    process.kill(pid, 'SIGCONT'); // a suspended server would never see the first one
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
      throw error;
    }
  }
  while (await isPostmasterOf(pid, clusterDir)) {
    if (Date.now() > deadline) {
      return false;
    }
    await sleep(POLL_MS);
  }
  return true;
}

/** Asks as PostgreSQL does, for whom a zombie lives. */
function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

async function isPostmasterOf(pid: number, clusterDir: string): Promise<boolean> {
  return (await commandLineOf(pid)).includes(`/postgres -D ${clusterDir} -c `);
}

function pidFileOf(clusterDir: string): string {
  return join(clusterDir, 'postmaster.pid');
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return '';
    }
    throw error;
  }
}
