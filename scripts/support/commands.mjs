import { spawn } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { Failure, tail } from './terminal.mjs';

/** The root of the repository. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const KILL_AFTER_MS = 5_000;
const PARENT_CHECK_MS = 250;

/** A signal ended the work; `exitCode` is what a shell expects then. */
export class Interrupted extends Failure {
  constructor(signal) {
    super(`stopped by ${signal}`);
    this.exitCode = 128 + ({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal] ?? 0);
  }
}

/**
 * An abort signal that is raised, with an `Interrupted`, by the signals that ask this process to end. The shell that npm
 * puts between itself and us does not pass SIGTERM on; that it is gone says the same.
 */
export function interruption() {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => controller.abort(new Interrupted(signal)));
  }
  if (process.env['npm_lifecycle_event'] !== undefined) {
    const parent = process.ppid;
    const watch = () => process.ppid === parent || controller.abort(new Interrupted('SIGTERM'));
    setInterval(watch, PARENT_CHECK_MS).unref();
  }
  return controller.signal;
}

/**
 * Runs a program in the root of the repository and returns `{ code, output }`; `output` is empty when `isShown`. It runs
 * in a process group of its own, which is ended when `signal` is raised; then this rejects with the reason of the signal.
 */
export async function run(command, args, { env = process.env, isShown = false, signal } = {}) {
  signal?.throwIfAborted();
  const child = spawn(command, args, {
    cwd: ROOT,
    env,
    detached: process.platform !== 'win32',
    stdio: isShown ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
  });
  const chunks = [];
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  child.stderr?.on('data', (chunk) => chunks.push(chunk));
  const exited = exitOf(child);
  const end = () => endGroup(child, exited);
  signal?.addEventListener('abort', end, { once: true });
  try {
    const { code } = await exited;
    signal?.throwIfAborted();
    return { code, output: stripVTControlCharacters(Buffer.concat(chunks).toString('utf8')) };
  } finally {
    signal?.removeEventListener('abort', end);
  }
}

/** Runs a program that has to succeed; throws a `Failure` with the tail of its output. Returns the output. */
export async function mustRun(title, command, args, options) {
  const { code, output } = await run(command, args, options);
  if (code !== 0) {
    throw new Failure(`${title} failed.`, tail(output));
  }
  return output;
}

/** How to call npm: the one that runs this script, or the one on the path. */
export function npm() {
  const path = process.env['npm_execpath'] ?? '';
  return basename(path) === 'npm-cli.js' ? [process.execPath, path] : ['npm'];
}

/** Resolves with `{ code, signal }` when a child has ended and its output has been read; rejects when it cannot start. */
export function exitOf(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

/** Ends a child that leads a process group, and the group with it: asked first, then forced. */
export async function endGroup(child, exited) {
  signalGroup(child, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_MS);
  await exited.catch(() => undefined);
  clearTimeout(timer);
}

function signalGroup(child, signal) {
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') {
      throw error;
    }
  }
}
