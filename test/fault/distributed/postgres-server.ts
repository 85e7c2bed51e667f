import { Client } from 'pg';
import { findCluster } from '@/infra/database/embedded/cluster';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@/infra/database/embedded/embedded-postgres';
import { findPostmaster } from '@/infra/database/embedded/postmaster';
import { removeDataDir } from '../../support/data-dir';
import { eventually } from '../../support/eventually';
import { type Undertaker } from '../../support/undertaker';

const GONE_TIMEOUT_MS = 30_000;

/** Ways to end a PostgreSQL: a clean stop that cuts clients off, one without a checkpoint, and no stop at all. */
export const SHUTDOWNS = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const;

/** A real PostgreSQL with a database for each test, durable (fsync on), that can be maltreated. */
export class PostgresServer {
  private databases = 0;

  private constructor(
    private readonly dataDir: string,
    private readonly postgres: EmbeddedPostgres,
    private readonly undertaker: Undertaker,
  ) {}

  static async start(dataDir: string, undertaker: Undertaker): Promise<PostgresServer> {
    const postgres = await startEmbeddedPostgres({
      dataDir,
      log: () => undefined,
      settings: { max_connections: '200' },
    });
    const server = new PostgresServer(dataDir, postgres, undertaker);
    undertaker.watch((await server.pid()) ?? -1);
    return server;
  }

  get port(): number {
    return Number(new URL(this.postgres.connectionUrl).port);
  }

  /** Makes an empty database and returns its URL. */
  async createDatabase(): Promise<string> {
    const name = `fault_${++this.databases}`;
    await this.query(this.postgres.connectionUrl, `CREATE DATABASE ${name}`);
    return this.urlOf(name);
  }

  async dropDatabase(url: string): Promise<void> {
    await this.query(this.postgres.connectionUrl, `DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
  }

  /** Ends it, and starts it again after `downMs`. */
  async restart(how: keyof typeof SHUTDOWNS, downMs = 0): Promise<void> {
    const pid = await this.pid();
    if (pid === undefined) {
      throw new Error('PostgreSQL does not run');
    }
    process.kill(pid, SHUTDOWNS[how]);
    await eventually(async () => expect(await this.pid()).not.toBe(pid), GONE_TIMEOUT_MS, 10);
    this.undertaker.forget(pid);
    await new Promise((resolve) => setTimeout(resolve, downMs));
    await this.postgres.revive();
    this.undertaker.watch((await this.pid()) ?? -1);
  }

  /** The process ids of the connections that Posthorn has to this database. */
  async connections(url: string): Promise<number[]> {
    const rows = await this.query<{ pid: number }>(
      url,
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'posthorn'",
    );
    return rows.map(({ pid }) => pid);
  }

  async terminateConnection(pid: number): Promise<void> {
    await this.query(this.postgres.connectionUrl, 'SELECT pg_terminate_backend($1)', [pid]);
  }

  async query<Row extends object>(url: string, sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: url, application_name: 'fault test' });
    client.on('error', () => undefined); // a broken connection also fails the query
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Stops it and removes its data. */
  async stop(): Promise<void> {
    const pid = await this.pid();
    await this.postgres.stop();
    this.undertaker.forget(pid ?? -1);
    await removeDataDir(this.dataDir);
  }

  private urlOf(database: string): string {
    const url = new URL(this.postgres.connectionUrl);
    url.pathname = `/${database}`;
    return url.href;
  }

  private async pid(): Promise<number | undefined> {
    const cluster = await findCluster(this.dataDir);
    return cluster && (await findPostmaster(cluster.dir))?.pid;
  }
}
