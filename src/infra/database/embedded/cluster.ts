import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { chown, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type PostgresBinaries } from './postgres-binaries';
import { canEnter, type ServerUser } from './server-user';

const run = promisify(execFile);

/** The only database user, a superuser. */
export const SUPERUSER = 'posthorn';
/** Where root keeps what the server's user cannot reach in its home. */
export const SYSTEM_DIR = '/var/lib/posthorn';

const STATE_FILE = 'postgres.json';
const CLUSTER_NAME = 'pg';
const DRAFT_PREFIX = 'pg.tmp-';

/** A folder of PostgreSQL data and the password of its superuser. */
export interface Cluster {
  /** Absolute path without symbolic links. */
  dir: string;
  password: string;
}

/** What `postgres.json` in the data folder holds. */
interface State {
  password: string;
  /** Relative to the data folder, so that it can be moved; absolute when the cluster lies under /var/lib/posthorn. */
  clusterDir: string;
  /** Whether the cluster has been made once; then it must be there for ever. */
  isInitialised: boolean;
}

/** The cluster of a data folder that has been used before, or undefined. Throws when its data has gone missing. */
export async function findCluster(dataDir: string): Promise<Cluster | undefined> {
  const state = await readState(dataDir);
  if (state === undefined) {
    if (await isThere(join(dataDir, CLUSTER_NAME))) {
      throw new Error(
        `${join(dataDir, CLUSTER_NAME)} holds a database, but its password file ${join(dataDir, STATE_FILE)} is gone. ` +
          'Restore that file, or move the database away to begin with an empty one.',
      );
    }
    return undefined;
  }
  const dir = resolve(dataDir, state.clusterDir);
  if (await isThere(join(dir, 'PG_VERSION'))) {
    return { dir, password: state.password };
  }
  if (state.isInitialised) {
    throw new Error(
      `The database of ${dataDir} was kept in ${dir} and is gone. ` +
        `Restore it, or remove ${join(dataDir, STATE_FILE)} to begin with an empty one.`,
    );
  }
  return undefined;
}

/**
 * Makes the cluster of a data folder. It is made under another name and renamed at the end, so one that was interrupted
 * half-way is never taken for a whole one; what such attempts left behind is removed.
 */
export async function createCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  user: ServerUser | undefined,
  isDurable: boolean,
): Promise<Cluster> {
  const unfinished = await readState(dataDir);
  const state: State = {
    password: randomBytes(24).toString('base64url'),
    clusterDir: unfinished?.clusterDir ?? (await chooseClusterDir(dataDir, user)),
    isInitialised: false,
  };
  const dir = resolve(dataDir, state.clusterDir);
  await mkdir(dirname(dir), { recursive: true });
  await removeDrafts(dirname(dir));
  await writeState(dataDir, state);
  const draft = join(dirname(dir), `${DRAFT_PREFIX}${randomUUID()}`);
  await initialise(draft, state.password, binaries, user, isDurable);
  await rename(draft, dir);
  await syncFolder(dirname(dir));
  await writeState(dataDir, { ...state, isInitialised: true });
  return { dir, password: state.password };
}

/** In the data folder, or under /var/lib/posthorn when the server's user cannot get there. */
async function chooseClusterDir(dataDir: string, user: ServerUser | undefined): Promise<string> {
  if (user === undefined || (await canEnter(user, dataDir))) {
    return CLUSTER_NAME;
  }
  // A name of its own each time: a data folder that was removed and made again must not meet its old database,
  // whose secrets are lost.
  return join(SYSTEM_DIR, `${basename(dataDir).replace(/^\.+/, '')}-${randomBytes(4).toString('hex')}`, CLUSTER_NAME);
}

async function removeDrafts(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (name.startsWith(DRAFT_PREFIX)) {
      // An initdb whose Posthorn was killed may still be writing there for a moment.
      await rm(join(parent, name), { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    }
  }
}

async function initialise(
  dir: string,
  password: string,
  binaries: PostgresBinaries,
  user: ServerUser | undefined,
  isDurable: boolean,
): Promise<void> {
  const passwordFile = `${dir}.password`;
  await mkdir(dir, { mode: 0o700 });
  try {
    await writeFile(passwordFile, password, { mode: 0o600, flag: 'wx' });
    if (user !== undefined) {
      await chown(dir, user.uid, user.gid);
      await chown(passwordFile, user.uid, user.gid);
    }
    const args = [
      ...['-D', dir, '-U', SUPERUSER, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'],
      // Sorts by code point, like C, and knows upper and lower case of all letters; independent of the system's locales.
      ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
      ...(isDurable ? [] : ['--no-sync']),
    ];
    // TZ: otherwise initdb compares the local time with that of every time zone there is.
    await run(join(binaries.binDir, 'initdb'), args, { ...user, cwd: dir, env: { LC_ALL: 'C', TZ: 'UTC' } });
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw new Error(`Cannot initialise the database ${dir}: ${messageOf(error)}`, { cause: error });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function readState(dataDir: string): Promise<State | undefined> {
  const path = join(dataDir, STATE_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw new Error(`Cannot read ${path} (${messageOf(error)}). Run Posthorn as the user it was first run as.`, {
      cause: error,
    });
  }
  const { password, clusterDir, isInitialised } = JSON.parse(text) as Partial<State>;
  if (typeof password !== 'string' || typeof clusterDir !== 'string') {
    throw new Error(`${path} is damaged: it must hold the password and the folder of the database. Restore it.`);
  }
  return { password, clusterDir, isInitialised: isInitialised === true };
}

async function writeState(dataDir: string, state: State): Promise<void> {
  const path = join(dataDir, STATE_FILE);
  const draft = `${path}.tmp`;
  await rm(draft, { force: true });
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(state, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncFolder(dataDir);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.trim() : String(error);
}
