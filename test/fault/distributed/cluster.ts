import { mkdir, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { createToken, type PosthornProcess, type ServerEnv, spawnPosthorn } from '../../support/posthorn-process';
import { freePort } from '../../support/free-port';
import { type PostgresServer } from './postgres-server';
import { RedisServer } from '../../support/redis-server';
import { TcpProxy } from '../../support/tcp-proxy';
import { type Undertaker } from '../../support/undertaker';

export type Role = 'api' | 'worker' | 'scheduler';

/** How many processes there are of each role. */
const PROCESSES: Role[] = ['api', 'api', 'worker', 'worker', 'scheduler'];
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 40_000;

export interface ClusterOptions {
  postgres: PostgresServer;
  undertaker: Undertaker;
  dir: string;
  env?: ServerEnv;
  /** Whether the first worker reaches Redis and PostgreSQL through proxies. */
  hasProxies?: boolean;
}

/** The ways of the first worker to what it depends on. */
export interface WorkerLinks {
  redis: TcpProxy;
  postgres: TcpProxy;
}

/** One process of the cluster; its port stays the same when it is started again. */
export class ClusterNode {
  /** Everything that ran under this name, the present process last. */
  readonly processes: PosthornProcess[] = [];

  constructor(
    readonly name: string,
    readonly role: Role,
    readonly url: string,
    private readonly env: ServerEnv,
    private readonly undertaker: Undertaker,
  ) {}

  get process(): PosthornProcess {
    const current = this.processes.at(-1);
    if (current === undefined) {
      throw new Error(`${this.name} was never started`);
    }
    return current;
  }

  /** Starts it, and does not wait. */
  start(): void {
    const process = spawnPosthorn({ env: this.env, args: ['--role', this.role] });
    this.processes.push(process);
    ordinaryPriority(process.pid);
    this.undertaker.watch(process.pid);
    void process.waitExit().then(() => this.undertaker.forget(process.pid));
  }

  waitReady(): Promise<void> {
    return this.process.waitReady(READY_TIMEOUT_MS);
  }

  async kill(): Promise<void> {
    this.process.kill('SIGCONT');
    this.process.kill('SIGKILL');
    await this.process.waitExit();
  }

  /** Readiness as a load balancer sees it. */
  async readiness(): Promise<{ code: number; status: string }> {
    const response = await fetch(`${this.url}/health/ready`);
    const { status } = (await response.json()) as { status: string };
    return { code: response.status, status };
  }

  /** Lines of its log at one of these levels, and everything that is no log line. */
  logged(...levels: string[]): string[] {
    return this.processes.flatMap(({ stdout, stderr }) => [
      ...stdout.filter((line) => levels.includes(levelOf(line))),
      ...(levels.includes('error') ? stderr : []),
    ]);
  }
}

/** Posthorn in distributed mode: two api, two workers and a scheduler, on a database and a Redis of their own. */
export class Cluster {
  private constructor(
    readonly databaseUrl: string,
    readonly redis: RedisServer,
    readonly nodes: readonly ClusterNode[],
    readonly token: string,
    private readonly links: WorkerLinks | undefined,
    private readonly options: ClusterOptions,
  ) {}

  static async start(options: ClusterOptions): Promise<Cluster> {
    const { postgres, undertaker, dir } = options;
    await mkdir(dir, { recursive: true });
    const databaseUrl = await postgres.createDatabase();
    const redis = await RedisServer.start(join(dir, 'redis'), undertaker);
    const links = options.hasProxies
      ? { redis: await TcpProxy.start(redis.port), postgres: await TcpProxy.start(postgres.port) }
      : undefined;
    const env: ServerEnv = {
      DATABASE_URL: databaseUrl,
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      DATA_DIR: join(dir, 'data'),
      JWT_SECRET: 'a secret of nothing but these tests',
      MAIN_SECRET: 'another secret of nothing but these tests',
      EGRESS_ALLOW_SUBNETS: '127.0.0.0/8',
      RETRY_SCHEDULE: '1,1,2',
      REQUEST_TIMEOUT_SECONDS: '5',
      ...options.env,
    };
    const counts = new Map<Role, number>();
    const nodes: ClusterNode[] = [];
    for (const role of PROCESSES) {
      const number = (counts.get(role) ?? 0) + 1;
      counts.set(role, number);
      const port = await freePort();
      const own = links && role === 'worker' && number === 1 ? linkedEnv(databaseUrl, links) : {};
      const nodeEnv = { ...env, LISTEN_ADDRESS: `127.0.0.1:${port}`, ...own };
      nodes.push(new ClusterNode(`${role} ${number}`, role, `http://127.0.0.1:${port}`, nodeEnv, undertaker));
    }
    nodes.forEach((node) => node.start());
    const token = await createToken(env);
    const cluster = new Cluster(databaseUrl, redis, nodes, token, links, options);
    try {
      await Promise.all(nodes.map((node) => node.waitReady()));
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get apis(): ClusterNode[] {
    return this.nodes.filter(({ role }) => role === 'api');
  }

  get workers(): ClusterNode[] {
    return this.nodes.filter(({ role }) => role === 'worker');
  }

  get workerLinks(): WorkerLinks {
    if (this.links === undefined) {
      throw new Error('this cluster has no proxies');
    }
    return this.links;
  }

  get postgres(): PostgresServer {
    return this.options.postgres;
  }

  /** Asks every process to stop; returns those that did not do so cleanly. */
  async stop(): Promise<string[]> {
    const exits = await Promise.all(
      this.nodes.map(async (node) => ({ node, exit: await node.process.stop(STOP_TIMEOUT_MS) })),
    );
    return exits
      .filter(({ exit }) => exit.code !== 0)
      .map(({ node, exit }) => `${node.name} ended with ${exit.signal ?? exit.code}`);
  }

  /** Ends everything that still runs and removes what it has written. */
  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await this.redis.kill();
    await Promise.all(Object.values(this.links ?? {}).map((link: TcpProxy) => link.close()));
    await this.postgres.dropDatabase(this.databaseUrl);
    await rm(this.options.dir, { recursive: true, force: true });
  }
}

/** The test itself takes precedence: its receiver must not be what is slow. Servers are as all others. */
function ordinaryPriority(pid: number): void {
  try {
    setPriority(pid, 0);
  } catch {
    // Ended at once; whoever waits for it will hear.
  }
}

function linkedEnv(databaseUrl: string, links: WorkerLinks): ServerEnv {
  const url = new URL(databaseUrl);
  url.port = String(links.postgres.port);
  return { DATABASE_URL: url.href, REDIS_URL: `redis://127.0.0.1:${links.redis.port}` };
}

function levelOf(line: string): string {
  try {
    return (JSON.parse(line) as { level?: string }).level ?? '';
  } catch {
    return 'error'; // no log line: whatever it is, nobody expects it
  }
}
