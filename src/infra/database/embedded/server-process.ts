import { type ChildProcess, spawn } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PostgresBinaries } from './postgres-binaries';
import { disarmStalePidFile, readPidFile } from './postmaster';
import { serverArguments } from './server-settings';
import { type ServerUser } from './server-user';

const LOG_FILE = 'postgres.log';
const MAX_LOG_BYTES = 10 * 1024 * 1024;
const POLL_MS = 5;
/** After a crash the server first replays up to 2 GB of its log. */
const START_TIMEOUT_MS = 10 * 60_000;
const REPORT_EVERY_MS = 10_000;
const MAX_TRIES = 10;
const RETRY_PAUSE_MS = 200;
/** Another program took the port in between, or processes of a server that was killed still hold its memory. */
const PASSING_TROUBLE = /Address already in use|pre-existing shared memory block/;

interface StartOptions {
  dataDir: string;
  clusterDir: string;
  binaries: PostgresBinaries;
  user: ServerUser | undefined;
  settings: Record<string, string>;
  /** A free one by default. */
  port?: number;
  log: (line: string) => void;
}

/** A server that this process has started. */
export interface StartedServer {
  process: ChildProcess;
  pid: number;
  port: number;
}

/** The server ended before it was ready. */
class StartFailedError extends Error {
  override readonly name = 'StartFailedError';
}

/**
 * Starts the server of a cluster and waits until it takes connections. It runs in a session of its own
 * (Ctrl-C does not reach it) and writes to a file, so it goes on when this process is killed.
 */
export async function startServer(options: StartOptions): Promise<StartedServer> {
  await disarmStalePidFile(options.clusterDir);
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryToStart(options, options.port ?? (await freePort()));
    } catch (error) {
      if (!(error instanceof StartFailedError) || attempt === MAX_TRIES || !PASSING_TROUBLE.test(error.message)) {
        throw error;
      }
      await sleep(RETRY_PAUSE_MS);
    }
  }
}

async function tryToStart(options: StartOptions, port: number): Promise<StartedServer> {
  const { binaries, clusterDir, settings, user } = options;
  const log = await openLog(join(options.dataDir, LOG_FILE));
  try {
    const { size: logStart } = await log.stat();
    const child = spawn(join(binaries.binDir, 'postgres'), serverArguments(clusterDir, settings, port), {
      ...user,
      cwd: clusterDir,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      // Nothing of our environment: it may hold secrets, and PG* variables would change the server.
      env: { LC_ALL: 'C', TZ: 'UTC' },
    });
    child.unref();
    const failure = failureOf(child);
    try {
      await waitUntilReady(options, child, failure);
    } catch (error) {
      child.kill('SIGQUIT');
      throw new StartFailedError(`PostgreSQL does not start: ${messageOf(error)}\n${await readFrom(log, logStart)}`, {
        cause: error,
      });
    }
    return { process: child, pid: child.pid ?? 0, port };
  } finally {
    await log.close();
  }
}

/** Filled in as soon as the child cannot be started or has ended. */
function failureOf(child: ChildProcess): { error?: Error } {
  const failure: { error?: Error } = {};
  child.once('error', (error) => (failure.error = error));
  child.once('exit', (code, signal) => {
    failure.error = new Error(`it ended with ${signal ?? `exit code ${code ?? 'unknown'}`}`);
  });
  return failure;
}

async function waitUntilReady(
  { clusterDir, log }: StartOptions,
  child: ChildProcess,
  failure: { error?: Error },
): Promise<void> {
  const startedAt = Date.now();
  for (let reports = 1; ;) {
    const postmaster = await readPidFile(clusterDir);
    if (failure.error !== undefined) {
      throw failure.error;
    }
    if (postmaster?.pid === child.pid && postmaster?.status === 'ready') {
      return;
    }
    const waitedMs = Date.now() - startedAt;
    if (waitedMs > START_TIMEOUT_MS) {
      throw new Error(`it is not ready after ${START_TIMEOUT_MS / 1000} s`);
    }
    if (waitedMs > reports * REPORT_EVERY_MS) {
      log(`PostgreSQL is still starting after ${Math.round(waitedMs / 1000)} s (it recovers after a crash)`);
      reports++;
    }
    await sleep(POLL_MS);
  }
}

/** Opened for appending, so that a running server and we can both write, and emptying it leaves no hole. */
async function openLog(path: string): Promise<FileHandle> {
  const log = await open(path, 'a+', 0o600);
  if ((await log.stat()).size > MAX_LOG_BYTES) {
    await log.truncate(0);
  }
  return log;
}

async function readFrom(log: FileHandle, start: number): Promise<string> {
  const buffer = Buffer.alloc(8192);
  const { bytesRead } = await log.read(buffer, 0, buffer.length, start);
  return buffer.toString('utf8', 0, bytesRead).trim();
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') {
          reject(new Error('The system gave no free port.'));
        } else {
          resolve(address.port);
        }
      });
    });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
