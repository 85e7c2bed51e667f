import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { eventually } from './eventually';
import { freePort } from './free-port';
import { systemProgram } from './system-program';
import { type Undertaker } from './undertaker';

const START_TIMEOUT_MS = 10_000;

/** What a server is beside an ordinary one. */
export interface RedisServerOptions {
  /** Lines for its redis.conf; they win over the usual ones. */
  settings?: readonly string[] | ((port: number) => readonly string[]);
  isSentinel?: boolean;
  port?: number;
  /** How its tests get in, where host and port do not suffice. */
  connection?: RedisOptions;
}

/** A real Redis on a port of its own, written to its append-only file every second, that can be maltreated. */
export class RedisServer {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly program: string,
    private readonly dir: string,
    readonly port: number,
    private readonly undertaker: Undertaker,
    private readonly options: RedisServerOptions,
  ) {}

  static async start(dir: string, undertaker: Undertaker, options: RedisServerOptions = {}): Promise<RedisServer> {
    const program = await systemProgram('redis-server', 'redis-server');
    const server = new RedisServer(program, dir, options.port ?? (await freePort()), undertaker, options);
    await server.start();
    return server;
  }

  /** Starts it, with what it had written down before. */
  async start(): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    const file = join(this.dir, 'redis.conf');
    await writeFile(file, `${this.settings().join('\n')}\n`);
    this.child = spawn(this.program, [file, ...(this.options.isSentinel ? ['--sentinel'] : [])], { stdio: 'ignore' });
    this.undertaker.watch(this.pid);
    await eventually(() => this.command((redis) => redis.ping()), START_TIMEOUT_MS, 20);
  }

  async kill(): Promise<void> {
    const child = this.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    this.undertaker.forget(this.pid);
  }

  /** As after the loss of its disk. */
  async restartEmpty(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
    await this.start();
  }

  async flushAll(): Promise<void> {
    await this.command((redis) => redis.flushall());
  }

  /** Every connection stays open, and nothing answers. */
  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  get pid(): number {
    return this.child?.pid ?? -1;
  }

  /** Runs one command, or a few, over a connection of its own. */
  async command<T>(run: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.port, '127.0.0.1', {
      lazyConnect: true,
      retryStrategy: null,
      commandTimeout: 2_000,
      // ioredis waits this long for a refused connection to end, and keeps the process up meanwhile.
      disconnectTimeout: 10,
      ...this.options.connection,
    });
    redis.on('error', () => undefined); // the command fails as well
    try {
      return await run(redis);
    } finally {
      redis.disconnect();
    }
  }

  private settings(): string[] {
    const { settings = [] } = this.options;
    return [
      `port ${this.port}`,
      'bind 127.0.0.1',
      `dir ${this.dir}`,
      'loglevel warning',
      ...(this.options.isSentinel ? [] : ['appendonly yes', 'appendfsync everysec', 'save ""']),
      ...(typeof settings === 'function' ? settings(this.port) : settings),
    ];
  }
}
