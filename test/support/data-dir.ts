import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCluster } from '@/infra/database/embedded/cluster';
import { ensureDatabase } from '@/infra/database/embedded/database-access';
import { findPostmaster, stopPostmaster } from '@/infra/database/embedded/postmaster';

/** The running embedded Postgres of a DATA_DIR. */
export interface RunningPostgres {
  pid: number;
  databaseUrl: string;
}

/** Makes a temporary DATA_DIR that another user, as whom Postgres may run, can enter. */
export async function createDataDir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'posthorn-'));
  await chmod(folder, 0o755);
  return folder;
}

/** Finds the Postgres of a DATA_DIR, also one that its server has left behind; undefined when none runs. */
export async function findPostgres(dataDir: string): Promise<RunningPostgres | undefined> {
  const cluster = await findCluster(dataDir);
  const postmaster = cluster && (await findPostmaster(cluster.dir));
  if (!cluster || !postmaster?.port) {
    return undefined;
  }
  return { pid: postmaster.pid, databaseUrl: await ensureDatabase(cluster.password, postmaster.port) };
}

/** Stops what a killed server has left running and removes the folder. */
export async function removeDataDir(dataDir: string): Promise<void> {
  const cluster = await findCluster(dataDir);
  const postmaster = cluster && (await findPostmaster(cluster.dir));
  if (cluster && postmaster) {
    await stopPostmaster(cluster.dir, postmaster.pid);
  }
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
