import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProcess, isAlive, type ProcessIdentity } from './process-identity';

const LOCK_FILE = 'posthorn.lock';
/** Held for the moment in which the lock of a dead process is removed, so that two processes cannot both remove it. */
const TAKEOVER_FILE = 'posthorn.lock.takeover';
const TAKEOVER_TRIES = 100;
const TAKEOVER_PAUSE_MS = 20;

/** Another living process works with the same data folder. */
export class DataDirInUseError extends Error {
  override readonly name = 'DataDirInUseError';

  constructor(
    readonly dataDir: string,
    readonly pid: number,
  ) {
    super(
      `The data folder ${dataDir} is in use by process ${pid}. Stop that process, or give this one another folder.`,
    );
  }
}

/** The hold of this process on its data folder. */
export interface DataDirLock {
  /** Gives the folder back; does nothing when that has been done. */
  release(): Promise<void>;
}

/**
 * Takes a data folder for this process alone; the lock of a process that has died is taken over.
 * Throws `DataDirInUseError` when a living process (this one included) holds it.
 */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const self = await findProcess(process.pid);
  if (self === undefined) {
    throw new Error('Cannot find out when this process started: is /proc mounted, or ps there?');
  }
  const path = join(dataDir, LOCK_FILE);
  for (let attempt = 0; attempt < TAKEOVER_TRIES; attempt++) {
    if (await createLock(path, self)) {
      return heldLock(path);
    }
    const owner = await readOwner(path);
    if (owner !== undefined && (await isAlive(owner))) {
      throw new DataDirInUseError(dataDir, owner.pid);
    }
    await removeStaleLock(dataDir, path, self);
  }
  throw new Error(`Cannot take over the lock ${path} that a dead process left behind; remove it by hand.`);
}

function heldLock(path: string): DataDirLock {
  let isHeld = true;
  return {
    release: async () => {
      if (isHeld) {
        isHeld = false; // a second call must not remove the lock of the next process
        await rm(path, { force: true });
      }
    },
  };
}

/** Linking a finished file is atomic: nobody ever reads half a lock. */
async function createLock(path: string, owner: ProcessIdentity): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(owner));
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return false;
    }
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function removeStaleLock(dataDir: string, path: string, self: ProcessIdentity): Promise<void> {
  const takeover = join(dataDir, TAKEOVER_FILE);
  if (!(await createLock(takeover, self))) {
    const other = await readOwner(takeover);
    if (other === undefined || !(await isAlive(other))) {
      await rm(takeover, { force: true });
    }
    await sleep(TAKEOVER_PAUSE_MS);
    return;
  }
  try {
    // Look again: between our first look and the hold on the takeover file, another process may have taken the lock.
    const owner = await readOwner(path);
    if (owner === undefined || !(await isAlive(owner))) {
      await rm(path, { force: true });
    }
  } finally {
    await rm(takeover, { force: true });
  }
}

/** Undefined when the file is gone or makes no sense; either way nobody living stands behind it. */
async function readOwner(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const owner = JSON.parse(await readFile(path, 'utf8')) as Partial<ProcessIdentity> | null;
    return typeof owner?.pid === 'number' && typeof owner.startedAt === 'string'
      ? { pid: owner.pid, startedAt: owner.startedAt }
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
