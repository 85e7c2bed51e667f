import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisServer, type RedisServerOptions } from './redis-server';
import { Undertaker } from './undertaker';

/** A Redis of a test file, in a folder that goes with it. */
export interface TestRedis {
  /** For REDIS_URL. */
  url: string;
  port: number;
  readonly pid: number;
  /** The process itself, to be killed, paused or flushed. */
  server: RedisServer;
  /** Ends it and starts it again, on the same port and with what it had. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a Redis on a free loopback port. Installs it where it is missing and we may; else the error says what to do. */
export async function startRedis(options: RedisServerOptions = {}): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'posthorn-redis-'));
  const undertaker = new Undertaker(dir);
  const stop = async (server?: RedisServer): Promise<void> => {
    await server?.kill();
    undertaker.dismiss();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const server = await RedisServer.start(join(dir, 'data'), undertaker, options);
    return {
      url: `redis://127.0.0.1:${server.port}`,
      port: server.port,
      get pid() {
        return server.pid;
      },
      server,
      restart: async () => {
        await server.kill();
        await server.start();
      },
      stop: () => stop(server),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
