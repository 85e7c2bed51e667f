import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One run of a program. The pid alone will not do: once it is free, any other process may get it. */
export interface ProcessIdentity {
  pid: number;
  /** When the process started; an opaque text that is only compared, and differs after a reboot too. */
  startedAt: string;
}

/** Tells who runs under a pid, or undefined when nobody does (a zombie counts as nobody). Throws nothing. */
export async function findProcess(pid: number): Promise<ProcessIdentity | undefined> {
  if (!Number.isSafeInteger(pid) || pid <= 0) {
    return undefined;
  }
  const startedAt = process.platform === 'linux' ? await startOnLinux(pid) : await startByPs(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** Whether this very run of the program is still there. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await findProcess(identity.pid))?.startedAt === identity.startedAt;
}

/**
 * The command line of a process as one text, its arguments separated by single spaces; empty when there is none.
 * It is the one thing that a user may read of another user's process everywhere (unlike its working folder,
 * which not even root may read in a container without CAP_SYS_PTRACE).
 */
export async function commandLineOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    return (await readIfThere(`/proc/${pid}/cmdline`)).replaceAll('\0', ' ').trim();
  }
  return ps(pid, 'command=');
}

/** Fields of /proc/<pid>/stat, see proc(5): the name stands in parentheses and may hold anything, so count from behind it. */
async function startOnLinux(pid: number): Promise<string | undefined> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = rest[18];
  if (ticks === undefined || state === 'Z' || state === 'X') {
    return undefined;
  }
  const bootId = (await readIfThere('/proc/sys/kernel/random/boot_id')).trim();
  return `${bootId}:${ticks}`;
}

async function startByPs(pid: number): Promise<string | undefined> {
  const [state, ...start] = (await ps(pid, 'stat=,lstart=')).split(/\s+/);
  return state === undefined || state === '' || state.startsWith('Z') ? undefined : start.join(' ');
}

async function ps(pid: number, columns: string): Promise<string> {
  try {
    const { stdout } = await run('/bin/ps', ['-ww', '-o', columns, '-p', String(pid)], { env: { LC_ALL: 'C' } });
    return stdout.trim();
  } catch {
    return ''; // ps ends with an error when there is no such process
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return ''; // the process has ended, or ended while we read
  }
}
