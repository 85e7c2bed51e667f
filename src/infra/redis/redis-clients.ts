import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { type Config } from '@/infra/config/config';
import { type RedisNode, rotatingConnector } from './rotating-connector';

/**
 * What a connection is for. `commands` answers at once or fails, because a request must never wait for Redis;
 * `blocking` waits for jobs and messages, and for Redis to come back, for as long as it takes.
 */
export type RedisPurpose = 'commands' | 'blocking';

const COMMAND_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;
const DISCONNECT_TIMEOUT_MS = 200;
/** Everything that waits is answered at least once a second; a connection that is silent for longer leads nowhere. */
const SILENCE_MS = 5_000;
const MAX_RECONNECT_DELAY_MS = 1_000;
const DEFAULT_PORT = 6379;

/** Opens a connection to the Redis of `config`: a server, a cluster or the master behind sentinels. Reconnects for ever. */
export function createRedis(config: Config, purpose: RedisPurpose): Redis | Cluster {
  const nodes = nodesOf(config);
  const options = { ...connectionOptions(config), ...optionsFor(purpose) };
  switch (config.redisMode) {
    case 'single':
      return quiet(new Redis({ ...nodes[0], ...options }));
    case 'sentinel':
      return quiet(new Redis({ ...options, ...sentinelOptions(config, options) }));
    case 'cluster':
      return quiet(
        new Cluster([...nodes], {
          redisOptions: options,
          enableOfflineQueue: purpose === 'blocking',
          clusterRetryStrategy: reconnectDelayMs,
          slotsRefreshTimeout: COMMAND_TIMEOUT_MS,
          // A certificate names hosts: keep their names.
          ...(options.tls && { dnsLookup: (address, callback) => callback(null, address) }),
        }),
      );
  }
}

/**
 * Opens a connection that listens to channels, and says when it is broken. On a cluster that is a connection to any one
 * node, because every node hears every message, and because `Cluster` replaces a broken subscription without a word.
 */
export function createSubscriber(config: Config): Redis {
  const nodes = nodesOf(config);
  const options = { ...connectionOptions(config), ...optionsFor('blocking') };
  switch (config.redisMode) {
    case 'single':
      return quiet(new Redis({ ...nodes[0], ...options }));
    case 'sentinel':
      return quiet(new Redis({ ...options, ...sentinelOptions(config, options) }));
    case 'cluster':
      return quiet(new Redis({ ...options, Connector: rotatingConnector(nodes, options.tls) }));
  }
}

/** Who uses it may listen as well; without any listener ioredis prints the error. */
function quiet<Client extends Redis | Cluster>(client: Client): Client {
  client.on('error', () => undefined);
  client.on('close', () => endSilenceTimer(client));
  return client;
}

/** ioredis 5.11 leaves the timer of `socketTimeout` running when its connection ends, and then it ends the next one. */
function endSilenceTimer(client: Redis | Cluster): void {
  const state = client as unknown as { socketTimeoutTimer?: NodeJS.Timeout };
  clearTimeout(state.socketTimeoutTimer);
  state.socketTimeoutTimer = undefined;
}

/** Keys of one product share a hash slot, so that the scripts of the queue work on a cluster. */
export function redisKeyPrefix(config: Config): string {
  return config.redisMode === 'cluster' ? `{${config.redisKeyPrefix}}` : config.redisKeyPrefix;
}

/** The servers that REDIS_URL names. */
function nodesOf(config: Config): readonly RedisNode[] {
  return config.redisUrl.map((text) => {
    const { hostname, port } = new URL(text);
    return { host: hostOf(hostname), port: Number(port || DEFAULT_PORT) };
  });
}

function hostOf(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** User, password, database and TLS: those of the first URL hold for all. */
function connectionOptions(config: Config): RedisOptions {
  const [first] = config.redisUrl;
  if (first === undefined) {
    throw new Error('REDIS_URL is not set');
  }
  const url = new URL(first);
  return {
    username: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
    db: Number(url.pathname.slice(1)),
    tls: url.protocol === 'rediss:' ? tlsOptions(config) : undefined,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // ioredis waits this long for a connection to end that was refused, and keeps the process up meanwhile.
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    keepAlive: 10_000,
    retryStrategy: reconnectDelayMs,
    // After a failover the old master may linger as a read-only replica: leave it.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

/** With rediss:// the sentinels and the master are both reached by TLS. */
function sentinelOptions(config: Config, { tls }: RedisOptions): RedisOptions {
  return {
    sentinels: [...nodesOf(config)],
    name: config.redisSentinelName,
    sentinelUsername: config.redisSentinelUsername,
    sentinelPassword: config.redisSentinelPassword,
    sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
    sentinelTLS: tls,
    enableTLSForSentinelMode: tls !== undefined,
  };
}

/**
 * Nodes of a cluster and masters are found by the address that they announce, which is often a bare IP address: their
 * certificate must then be for a host of REDIS_URL.
 */
function tlsOptions(config: Config): ConnectionOptions {
  const names = nodesOf(config).map(({ host }) => host);
  return {
    ca: config.redisCa,
    checkServerIdentity: (host, certificate) => {
      const candidates = isIP(host) ? [host, ...names] : [host];
      const problems = candidates.map((name) => checkServerIdentity(name, certificate));
      return problems.includes(undefined) ? undefined : problems[0];
    },
  };
}

function optionsFor(purpose: RedisPurpose): RedisOptions {
  return purpose === 'commands'
    ? { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS }
    : { enableOfflineQueue: true, maxRetriesPerRequest: null, enableReadyCheck: false, socketTimeout: SILENCE_MS };
}

function reconnectDelayMs(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 10), MAX_RECONNECT_DELAY_MS);
}
