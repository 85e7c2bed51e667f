import { startDistributed } from './distributed-server';
import { type BenchOptions } from './options';
import { type ServerUnderTest } from './server-under-test';
import { createDataDir, findPostgres, removeDataDir } from '../test/support/data-dir';
import { createToken, startPosthorn } from '../test/support/posthorn-process';

/** Starts a server with data of its own, or takes the one that the options name. */
export async function openServer(options: BenchOptions): Promise<ServerUnderTest> {
  const { databaseUrl, postmasterPid } = options;
  if (options.outside) {
    return { ...options.outside, databaseUrl, postmasterPid, close: () => Promise.resolve() };
  }
  return options.mode === 'distributed' ? startDistributed(options) : startEmbedded(options);
}

async function startEmbedded({ serverEnv, databaseUrl, postmasterPid }: BenchOptions): Promise<ServerUnderTest> {
  const dataDir = await createDataDir();
  const env = { EGRESS_ALLOW_SUBNETS: '127.0.0.0/8', ...serverEnv, DATA_DIR: dataDir };
  try {
    const server = await startPosthorn({ env });
    const close = async (): Promise<void> => {
      await server.stop();
      await removeDataDir(dataDir);
    };
    try {
      const token = await createToken(env);
      const postgres = await findPostgres(dataDir);
      return {
        url: server.url,
        token,
        pids: [server.pid],
        postmasterPid: postmasterPid ?? postgres?.pid,
        databaseUrl: databaseUrl ?? postgres?.databaseUrl,
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  } catch (error) {
    await removeDataDir(dataDir);
    throw error;
  }
}
