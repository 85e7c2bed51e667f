import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const USER_NAME = 'postgres';
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** The system user under whom the server runs when we are root, which PostgreSQL refuses to be. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/** Whether this process is root and must therefore run the server as somebody else. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** Finds the system user `postgres`, or creates it. Throws with advice when neither is possible. Root only. */
export async function findOrCreateServerUser(log: (line: string) => void): Promise<ServerUser> {
  const existing = await findUser();
  if (existing !== undefined) {
    return existing;
  }
  log(`creating the system user "${USER_NAME}", because PostgreSQL does not run as root`);
  const failures: string[] = [];
  for (const [command, args] of CREATE_COMMANDS) {
    try {
      await run(command, args, { env: { PATH } });
    } catch (error) {
      failures.push((error as Error).message.trim());
    }
    const created = await findUser();
    if (created !== undefined) {
      return created;
    }
  }
  throw new Error(
    `PostgreSQL does not run as root, and the system user "${USER_NAME}" is missing and cannot be created ` +
      `(${failures.join('; ')}). Create that user, run Posthorn as a normal user, or set DATABASE_URL.`,
  );
}

/** shadow-utils (most Linux systems), then busybox. */
const CREATE_COMMANDS: [string, string[]][] = [
  ['useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', USER_NAME]],
  ['adduser', ['-S', '-D', '-H', '-s', '/bin/false', USER_NAME]],
];

async function findUser(): Promise<ServerUser | undefined> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === USER_NAME);
  return fields === undefined ? findUserById() : { uid: Number(fields[2]), gid: Number(fields[3]) };
}

/** macOS and directory services do not list their users in /etc/passwd. */
async function findUserById(): Promise<ServerUser | undefined> {
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, USER_NAME], { env: { PATH } })).stdout)),
    );
    return uid === undefined || gid === undefined ? undefined : { uid, gid };
  } catch {
    return undefined; // id ends with an error when there is no such user
  }
}

/** Whether the user may enter a folder and every folder above it. `dir` must be a real path, without symbolic links. */
export async function canEnter(user: ServerUser, dir: string): Promise<boolean> {
  for (let current = dir; ; current = dirname(current)) {
    if (!(await isAllowed(user, current, constants.X_OK))) {
      return false;
    }
    if (current === dirname(current)) {
      return true;
    }
  }
}

/**
 * Whether the mode bits of a file allow the user what `access` (R_OK, W_OK, X_OK or a sum of them) asks for.
 * ACLs and further groups are not looked at.
 */
export async function isAllowed(user: ServerUser, path: string, access: number): Promise<boolean> {
  const { mode, uid, gid } = await stat(path);
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
  return ((mode >> shift) & access) === access;
}
