import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import { type Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Settings of a server by environment variable; DATA_DIR or DATABASE_URL belong into every one. */
export type ServerEnv = Record<string, string>;

export interface StartOptions {
  env: ServerEnv;
  /** Arguments after `serve`, such as `--role api`. */
  args?: string[];
  readyTimeoutMs?: number;
}

export interface ExitStatus {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** What a child inherits; everything else of the caller's environment would make runs differ between machines. */
const INHERITED = ['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR', 'NODE_V8_COVERAGE'];
const BANNER = /http:\/\/(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1?\]):(\d+)/;
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const KEPT_LINES = 2_000;

/** A server in a process of its own, ready to answer. */
export class PosthornProcess {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly spawnedAt = Date.now();
  /** Milliseconds from the start of the process to a green readiness probe. */
  readyAfterMs = 0;
  private address: string | undefined;
  private exit: ExitStatus | undefined;
  private readonly exited: Promise<ExitStatus>;

  constructor(private readonly child: ChildProcessByStdio<null, Readable, Readable>) {
    collectLines(child.stdout, this.stdout, (line) => this.readBanner(line));
    collectLines(child.stderr, this.stderr, (line) => this.readBanner(line));
    this.exited = new Promise((resolve) => {
      const settle = (exit: ExitStatus): void => resolve((this.exit = exit));
      // Not 'exit': what it printed last may still be on its way then.
      child.once('close', (code, signal) => settle({ code, signal }));
      child.once('error', (error) => {
        this.stderr.push(String(error));
        settle({ code: null, signal: null });
      });
    });
  }

  /** The address of the REST API, without a trailing slash. */
  get url(): string {
    if (!this.address) {
      throw new Error('the server has not printed its address');
    }
    return this.address;
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get hasExited(): boolean {
    return this.exit !== undefined;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  waitExit(): Promise<ExitStatus> {
    return this.exited;
  }

  /** Asks the server to stop, and kills it when it has not done so after `timeoutMs`. */
  async stop(timeoutMs = STOP_TIMEOUT_MS): Promise<ExitStatus> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), timeoutMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  async waitReady(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await this.isReady())) {
      if (this.exit) {
        throw new Error(`the server stopped before it was ready (${JSON.stringify(this.exit)})\n${this.output()}`);
      }
      if (Date.now() > deadline) {
        throw new Error(`the server was not ready after ${timeoutMs} ms\n${this.output()}`);
      }
      await sleep(20);
    }
    this.readyAfterMs = Date.now() - this.spawnedAt;
  }

  /** The last lines that the server printed, for messages of failed tests. */
  output(): string {
    return [...this.stdout.slice(-20), ...this.stderr.slice(-20)].join('\n');
  }

  private async isReady(): Promise<boolean> {
    if (!this.address) {
      return false;
    }
    try {
      const response = await fetch(`${this.address}/health/ready`, { signal: AbortSignal.timeout(2_000) });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      // Refused or reset while it starts: that is what "not ready" looks like.
      return false;
    }
  }

  private readBanner(line: string): void {
    const port = this.address ? undefined : BANNER.exec(line)?.[1];
    if (port) {
      this.address = `http://127.0.0.1:${port}`;
    }
  }
}

/** Starts `posthorn serve` on a free port (unless `env` says otherwise) and waits until it is ready. */
export async function startPosthorn(options: StartOptions): Promise<PosthornProcess> {
  const server = spawnPosthorn(options);
  try {
    await server.waitReady(options.readyTimeoutMs ?? READY_TIMEOUT_MS);
  } catch (error) {
    server.kill('SIGKILL');
    throw error;
  }
  return server;
}

/** Starts `posthorn serve` as `startPosthorn` does, and does not wait: for what is killed before, or never gets ready. */
export function spawnPosthorn({ env, args = [] }: StartOptions): PosthornProcess {
  const child = spawn(process.execPath, [binary(), 'serve', ...args], {
    env: serverEnv({ LISTEN_ADDRESS: '127.0.0.1:0', LOG_LEVEL: 'warn', LOG_FORMAT: 'json', ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new PosthornProcess(child);
}

/** Runs `posthorn token create` with the settings of a server and returns the token. */
export async function createToken(env: ServerEnv, args: string[] = []): Promise<string> {
  const command = [binary(), 'token', 'create', ...args];
  const { stdout } = await promisify(execFile)(process.execPath, command, { env: serverEnv(env), timeout: 30_000 });
  return stdout.trim();
}

function serverEnv(env: ServerEnv): ServerEnv {
  const inherited = INHERITED.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  return { ...(Object.fromEntries(inherited) as ServerEnv), ...env };
}

function binary(): string {
  return join(process.cwd(), 'bin', 'posthorn.js');
}

function collectLines(stream: Readable, lines: string[], onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      onLine(line);
      lines.push(line);
    }
    lines.splice(0, lines.length - KEPT_LINES);
  });
}
