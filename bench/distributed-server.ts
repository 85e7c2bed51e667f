import { join } from 'node:path';
import { startEmbeddedPostgres } from '@/infra/database/embedded/embedded-postgres';
import { type BenchOptions } from './options';
import { type ServerUnderTest } from './server-under-test';
import { createDataDir, findPostgres, removeDataDir } from '../test/support/data-dir';
import { createToken, type PosthornProcess, type ServerEnv, startPosthorn } from '../test/support/posthorn-process';
import { RedisServer } from '../test/support/redis-server';
import { Undertaker } from '../test/support/undertaker';

type Cleanup = () => Promise<unknown>;

/**
 * Starts PostgreSQL (fsync on), Redis (append-only file, written every second) and processes of every role, all with data
 * of their own. Several of one role are behind one port, as with POSTHORN_PROCESSES.
 */
export async function startDistributed(options: BenchOptions): Promise<ServerUnderTest> {
  const cleanups: Cleanup[] = [];
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.reverse()) {
      await cleanup();
    }
  };
  try {
    return { ...(await start(options, cleanups)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(options: BenchOptions, cleanups: Cleanup[]): Promise<Omit<ServerUnderTest, 'close'>> {
  const dir = await createDataDir();
  const undertaker = new Undertaker(dir);
  cleanups.push(
    () => removeDataDir(dir),
    async () => undertaker.dismiss(),
  );
  const postgresDir = join(dir, 'postgres');
  const postgres = await startEmbeddedPostgres({ dataDir: postgresDir, log: () => undefined });
  cleanups.push(async () => {
    await postgres.stop();
    await removeDataDir(postgresDir);
  });
  const redis = await RedisServer.start(join(dir, 'redis'), undertaker);
  cleanups.push(() => redis.kill());
  const env: ServerEnv = {
    EGRESS_ALLOW_SUBNETS: '127.0.0.0/8',
    JWT_SECRET: 'a secret of nothing but this load test',
    MAIN_SECRET: 'another secret of nothing but this load test',
    ...options.serverEnv,
    DATA_DIR: dir,
    DATABASE_URL: postgres.connectionUrl,
    REDIS_URL: `redis://127.0.0.1:${redis.port}`,
  };
  const [api, ...others] = await startRoles(
    env,
    { api: options.apis, worker: options.workers, scheduler: 1 },
    cleanups,
  );
  return {
    url: api.url,
    token: await createToken(env),
    pids: [api, ...others].map(({ pid }) => pid),
    postmasterPid: (await findPostgres(postgresDir))?.pid,
    databaseUrl: postgres.connectionUrl,
    redisPid: redis.pid,
  };
}

/** The first one is of the first role. */
async function startRoles(
  env: ServerEnv,
  counts: Record<string, number>,
  cleanups: Cleanup[],
): Promise<[PosthornProcess, ...PosthornProcess[]]> {
  const processes: PosthornProcess[] = [];
  for (const [role, count] of Object.entries(counts)) {
    const process = await startPosthorn({ env: { ...env, POSTHORN_PROCESSES: String(count) }, args: ['--role', role] });
    processes.push(process);
    cleanups.push(() => process.stop());
  }
  const [first, ...rest] = processes;
  if (first === undefined) {
    throw new Error('a server needs a role');
  }
  return [first, ...rest];
}
