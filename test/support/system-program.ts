import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Debian keeps servers out of the path of ordinary users. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin'];
const INSTALL_TIMEOUT_MS = 180_000;

/**
 * The path of a server program that these tests need beside Node. One that is missing is installed when this is a Debian
 * and we are root; else the error says what to do.
 */
export async function systemProgram(name: string, debianPackage: string): Promise<string> {
  const found = await find(name);
  if (found !== undefined) {
    return found;
  }
  const trouble = await install(debianPackage);
  const installed = await find(name);
  if (installed === undefined) {
    throw new Error(
      `These tests need the program ${name}, and it is not installed (${trouble}). ` +
        `On Debian and Ubuntu: apt-get install -y --no-install-recommends ${debianPackage}. On macOS: brew install ${debianPackage.replace('-server', '')}.`,
    );
  }
  return installed;
}

async function find(name: string): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(':'), ...SYSTEM_FOLDERS];
  for (const path of folders.filter((folder) => folder !== '').map((folder) => join(folder, name))) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) {
      return path;
    }
  }
  return undefined;
}

/** Returns why it did not work, for the error. */
async function install(debianPackage: string): Promise<string> {
  if (process.getuid?.() !== 0) {
    return 'only root can install it';
  }
  // RUNLEVEL=1: the package must not start its service.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const args = ['install', '-y', '--no-install-recommends', debianPackage];
  try {
    await run('apt-get', args, { env, timeout: INSTALL_TIMEOUT_MS }).catch(async () => {
      await run('apt-get', ['update'], { env, timeout: INSTALL_TIMEOUT_MS });
      await run('apt-get', args, { env, timeout: INSTALL_TIMEOUT_MS });
    });
    return 'apt-get did not bring it';
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}
