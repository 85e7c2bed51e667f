import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually } from './eventually';
import { freePort } from './free-port';
import { startRedis, type TestRedis } from './redis';
import { systemProgram } from './system-program';

const run = promisify(execFile);

/** Nodes talk to each other on a port that is this much higher. */
const BUS_PORT_DISTANCE = 10_000;
const NODES = 3;

/** Several servers that are one Redis. */
export interface TestRedisGroup {
  /** For REDIS_URL. */
  url: string;
  nodes: TestRedis[];
  stop(): Promise<void>;
}

/** Starts a Redis Cluster of three masters. */
export async function startRedisCluster(): Promise<TestRedisGroup> {
  const nodes: TestRedis[] = [];
  const group = groupOf(nodes, () => nodes);
  try {
    for (let count = 0; count < NODES; count++) {
      const settings = ['cluster-enabled yes', 'cluster-node-timeout 2000', 'cluster-require-full-coverage no'];
      nodes.push(await startRedis({ port: await freePortOfNode(), settings }));
    }
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await run(await systemProgram('redis-cli', 'redis-tools'), [
      '--cluster',
      'create',
      ...addresses,
      '--cluster-replicas',
      '0',
      '--cluster-yes',
    ]);
    await eventually(async () => {
      for (const { server } of nodes) {
        expect(await server.command((client) => client.cluster('INFO'))).toMatch(/cluster_state:ok/);
      }
    }, 10_000);
    return group;
  } catch (error) {
    await group.stop();
    throw error;
  }
}

/** What the servers behind a sentinel ask for. */
export interface SentinelPasswords {
  sentinel?: string;
  server?: string;
}

/** A master `main`, a replica of it, and a sentinel that puts the replica in its place when it is gone for half a second. */
export interface TestSentinel extends TestRedisGroup {
  master: TestRedis;
  replica: TestRedis;
}

export async function startRedisSentinel(passwords: SentinelPasswords = {}): Promise<TestSentinel> {
  const { server: password, sentinel: sentinelPassword } = passwords;
  const secured = password === undefined ? [] : [`requirepass ${password}`, `masterauth ${password}`];
  const nodes: TestRedis[] = [];
  const group = groupOf(nodes, () => nodes.slice(2));
  try {
    const master = await startRedis({ settings: secured, connection: { password } });
    nodes.push(master);
    const replica = await startRedis({
      settings: [`replicaof 127.0.0.1 ${master.port}`, ...secured],
      connection: { password },
    });
    nodes.push(replica);
    const sentinel = await startRedis({
      isSentinel: true,
      connection: { password: sentinelPassword },
      settings: [
        `sentinel monitor main 127.0.0.1 ${master.port} 1`,
        'sentinel down-after-milliseconds main 500',
        'sentinel failover-timeout main 3000',
        ...(password === undefined ? [] : [`sentinel auth-pass main ${password}`]),
        ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`]),
      ],
    });
    nodes.push(sentinel);
    await eventually(async () => {
      const replicas = await sentinel.server.command((client) => client.call('SENTINEL', 'REPLICAS', 'main'));
      expect(JSON.stringify(replicas)).toContain(`"${replica.port}"`);
      expect(await replica.server.command((client) => client.info('replication'))).toContain('master_link_status:up');
    }, 15_000);
    return {
      ...group,
      get url() {
        return group.url;
      },
      master,
      replica,
    };
  } catch (error) {
    await group.stop();
    throw error;
  }
}

function groupOf(nodes: TestRedis[], named: () => TestRedis[]): TestRedisGroup {
  return {
    nodes,
    get url() {
      return named()
        .map(({ url }) => url)
        .join(',');
    },
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function freePortOfNode(): Promise<number> {
  // Below 22,768 the bus has a port that the system gives to no outgoing connection, too.
  for (;;) {
    const port = await freePort();
    if (port + BUS_PORT_DISTANCE < 32_768) {
      return port;
    }
  }
}
