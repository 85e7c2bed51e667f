import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
// Relative, because Jest does not resolve our aliases in the global set-up.
import { findCluster } from '../../src/infra/database/embedded/cluster';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/infra/database/embedded/embedded-postgres';
import { findPostmaster } from '../../src/infra/database/embedded/postmaster';
import { dropTemplate } from './template-database';

/** Throw-away: nothing is written to survive a power cut. */
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };

/** The server that the projects of one Jest run share. */
export interface TestServer {
  /** How many projects have set up and not yet torn down. */
  users: number;
  stop: () => Promise<void>;
}

declare global {
  var posthornTestServer: TestServer | undefined;
}

/**
 * Gives the tests a PostgreSQL, in POSTHORN_TEST_POSTGRES_URL: the server of TEST_POSTGRES_URL when that is set (its user
 * must be a superuser), or else one started for this run. The databases in it are made by `test-database.ts`.
 */
export default async function globalSetup(): Promise<void> {
  if (globalThis.posthornTestServer === undefined) {
    globalThis.posthornTestServer = await provideServer();
  }
  globalThis.posthornTestServer.users++;
}

async function provideServer(): Promise<TestServer> {
  const given = process.env['TEST_POSTGRES_URL'];
  if (given !== undefined && given !== '') {
    process.env['POSTHORN_TEST_POSTGRES_URL'] = given;
    await dropTemplate(given); // it may have been built by an older version
    return { users: 0, stop: async () => undefined };
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'posthorn-test-'));
  await chmod(dataDir, 0o755); // as root the server runs as another user, who has to get in
  const postgres = await startEmbeddedPostgres({ dataDir, log: () => undefined, settings: SETTINGS });
  const clusterDir = (await findCluster(dataDir))?.dir ?? dataDir;
  const folders = clusterDir.startsWith(dataDir) ? [dataDir] : [dataDir, dirname(clusterDir)];
  const undertaker = await removeWhenWeDie(postgres, clusterDir, folders);
  process.env['POSTHORN_TEST_POSTGRES_URL'] = postgres.connectionUrl;
  return {
    users: 0,
    stop: async () => {
      undertaker.kill();
      await postgres.stop();
      await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
    },
  };
}

/** Jest does not tear down after Ctrl-C or a crash, and the server outlives its parent by design. */
async function removeWhenWeDie(
  postgres: EmbeddedPostgres,
  clusterDir: string,
  folders: string[],
): Promise<ChildProcess> {
  const server = await findPostmaster(clusterDir);
  if (server === undefined) {
    await postgres.stop();
    throw new Error('The PostgreSQL of the tests has ended already.');
  }
  const script = 'jest=$1 server=$2; shift 2; while kill -0 $jest; do sleep 1; done; kill -QUIT $server; rm -rf "$@"';
  const args = ['-c', script, 'undertaker', String(process.pid), String(server.pid), ...folders];
  const undertaker = spawn('/bin/sh', args, { detached: true, stdio: 'ignore' });
  undertaker.unref();
  return undertaker;
}
