import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { endGroup, exitOf, mustRun, ROOT, run } from '../support/commands.mjs';
import { cyan, Failure, line, red, tail } from '../support/terminal.mjs';

const PROGRAM = 'bin/posthorn.js';
const SHOWN = new Set(['warn', 'error', 'fatal']);
const COMPLAINTS = new Set(['stderr', 'error', 'fatal']);
const NODE_WARNING = /^\((node:\d+\) |Use `node --trace-)/;
const KEPT_LINES = 200;
/** The first start makes the database, and may copy PostgreSQL and create its user. */
const READY_TIMEOUT_MS = 120_000;
/** The server gives itself 30 s to drain; this is for one that does not even do that. */
const STOP_TIMEOUT_MS = 40_000;

/** Prints a token for the default organization, as `posthorn token create` does. */
export async function createToken(env) {
  return (await mustRun('posthorn token create', process.execPath, [PROGRAM, 'token', 'create'], { env })).trim();
}

/**
 * Starts `posthorn serve`. `ended` rejects when it ends unasked. `stop` drains it and
 * leaves no PostgreSQL behind, whatever happened.
 */
export function startServer(env) {
  // A group of its own: Ctrl-C is for us, who then ask the server to drain.
  const child = spawn(process.execPath, [PROGRAM, 'serve'], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  });
  return new Server(child, env, leash(child));
}

/**
 * Ends the server when this process dies without a chance to do it, even by SIGKILL: its input closes then. Unix only.
 */
function leash(child) {
  if (process.platform === 'win32') {
    return undefined;
  }
  const script = 'read -r word; [ "$word" = done ] || kill -TERM "$1"';
  const shell = spawn('/bin/sh', ['-c', script, 'leash', String(child.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.stdin.on('error', () => undefined); // it is gone already when somebody has killed it
  shell.unref();
  return shell;
}

class Server {
  isRunning = true;
  /** Whether the tour is over, so that a signal is the normal end. */
  isServing = false;
  isStopping = false;
  #lines = [];
  #showsProblems = false;
  #onReady = () => undefined;

  constructor(child, env, leashOfChild) {
    this.child = child;
    this.env = env;
    this.banner = new Promise((resolve) => (this.#onReady = resolve));
    this.exited = exitOf(child).finally(() => {
      this.isRunning = false;
      leashOfChild?.stdin.end('done\n');
    });
    this.ended = this.exited.then((exit) => this.#explainEnd(exit));
    this.ended.catch(() => undefined); // nobody may be listening at that moment; who asks later gets it
    createInterface({ input: child.stdout }).on('line', (text) => this.#read(text));
    createInterface({ input: child.stderr }).on('line', (text) => this.#keep({ level: 'stderr', msg: text }));
  }

  /** Resolves with the addresses that the server has printed: `{ api, docs, metrics }`. */
  async ready() {
    let timer;
    const late = new Promise((_resolve, reject) => {
      const fail = () =>
        reject(new Failure(`The server is not ready after ${READY_TIMEOUT_MS / 1000} s.`, this.#tail()));
      timer = setTimeout(fail, READY_TIMEOUT_MS);
    });
    try {
      return await Promise.race([this.banner, this.ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** From now on prints what the server logs as a warning or worse. */
  showProblems() {
    this.#showsProblems = true;
  }

  async stop() {
    this.isStopping = true;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => void endGroup(this.child, this.exited), STOP_TIMEOUT_MS);
    const { code, signal } = await this.exited;
    clearTimeout(timer);
    if (code === 0) {
      return;
    }
    await this.#stopPostgres();
    // A server that was still starting has nothing to drain, and simply ends.
    if (signal !== 'SIGTERM') {
      throw new Failure('The server did not stop cleanly.', this.#tail());
    }
  }

  async #explainEnd({ code, signal }) {
    if (this.isStopping) {
      return new Promise(() => undefined);
    }
    await this.#stopPostgres();
    throw new Failure(`The server ended with ${signal ?? `exit code ${code}`}.`, this.#tail());
  }

  /** PostgreSQL outlives a server that was killed; the next process on the folder adopts it, and this one stops it then. */
  async #stopPostgres() {
    await run(process.execPath, [PROGRAM, 'migrate'], { env: this.env });
  }

  #read(text) {
    let entry;
    try {
      entry = JSON.parse(text);
    } catch {
      entry = { level: 'info', msg: text }; // not a log line
    }
    this.#keep(entry);
    if (typeof entry.api === 'string') {
      this.#onReady(entry);
    }
  }

  #keep(entry) {
    this.#lines.push(entry);
    this.#lines.splice(0, this.#lines.length - KEPT_LINES);
    if (this.#showsProblems && SHOWN.has(entry.level)) {
      line(`  ${entry.level === 'warn' ? cyan('warn ') : red(entry.level)}  ${entry.msg}${reasonOf(entry)}`);
    }
  }

  /** What the server said on stderr and logged as an error, or else the end of its log. */
  #tail() {
    const lines = this.#lines.filter(({ msg }) => !NODE_WARNING.test(msg));
    const complaints = lines.filter(({ level }) => COMPLAINTS.has(level));
    const chosen = complaints.length > 0 ? complaints : lines;
    return tail(chosen.map((entry) => `${entry.msg}${reasonOf(entry)}`).join('\n'), 15);
  }
}

function reasonOf(entry) {
  return entry.err?.message === undefined ? '' : `: ${entry.err.message}`;
}
