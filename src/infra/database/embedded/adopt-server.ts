import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError } from 'pg';
import { type Cluster } from './cluster';
import { ensureDatabase } from './database-access';
import { findPostmaster, hasArguments, type Postmaster, stopPostmaster } from './postmaster';
import { serverArguments } from './server-settings';

const DEFAULT_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
const WRONG_PASSWORD = '28P01';

interface AdoptedServer {
  pid: number;
  connectionUrl: string;
}

/**
 * Takes over the server that a killed process left running on this cluster. One that has other settings or takes no
 * connections within `timeoutMs` is stopped instead. Undefined when there is no server (any more).
 */
export async function adoptServer(
  cluster: Cluster,
  settings: Record<string, string>,
  log: (line: string) => void,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<AdoptedServer | undefined> {
  const orphan = await findPostmaster(cluster.dir);
  if (orphan === undefined) {
    return undefined;
  }
  const isAsWanted = await hasArguments(cluster.dir, serverArguments(cluster.dir, settings, 0));
  if (isAsWanted) {
    log(`adopting the PostgreSQL that a killed process left running (pid ${orphan.pid})`);
    const connectionUrl = await connect(cluster, orphan.pid, Date.now() + timeoutMs);
    if (connectionUrl !== undefined) {
      return { pid: orphan.pid, connectionUrl };
    }
  }
  const reason = isAsWanted ? 'it takes no connections' : 'its settings or version are old';
  log(`stopping the PostgreSQL that a killed process left running (pid ${orphan.pid}): ${reason}`);
  await stopPostmaster(cluster.dir, orphan.pid);
  return undefined;
}

async function connect(cluster: Cluster, pid: number, deadline: number): Promise<string | undefined> {
  while (Date.now() < deadline) {
    const server = await findPostmaster(cluster.dir);
    if (server?.pid !== pid || server.status === 'stopping') {
      return undefined;
    }
    const url = await tryToConnect(cluster, server, deadline - Date.now());
    if (url !== undefined) {
      return url;
    }
    await sleep(POLL_MS);
  }
  return undefined;
}

async function tryToConnect(
  cluster: Cluster,
  { port, status }: Postmaster,
  timeoutMs: number,
): Promise<string | undefined> {
  if (port === undefined || status !== 'ready') {
    return undefined;
  }
  try {
    return await ensureDatabase(cluster.password, port, Math.max(1, timeoutMs));
  } catch (error) {
    if (error instanceof DatabaseError && error.code === WRONG_PASSWORD) {
      throw error; // a new server would not know our password either
    }
    return undefined; // starting up, shutting down, out of connections: may pass before the deadline
  }
}
