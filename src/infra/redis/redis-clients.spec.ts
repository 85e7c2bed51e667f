import { type PeerCertificate } from 'node:tls';
import { Cluster, Redis } from 'ioredis';
import { type Config, loadConfig } from '@/infra/config/config';
import { createRedis, createSubscriber, redisKeyPrefix } from './redis-clients';

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';

const certificateFor = (name: string): PeerCertificate =>
  ({ subject: { CN: name }, subjectaltname: `DNS:${name}` }) as PeerCertificate;

describe('the connections to Redis', () => {
  const clients: (Redis | Cluster)[] = [];

  afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

  /** Nothing listens on port 1: the options are looked at, nobody answers. */
  function configOf(url: string, env: Record<string, string> = {}): Config {
    return loadConfig({ REDIS_URL: url, DATABASE_URL: 'postgres://nobody@localhost/none', ...env });
  }

  function keep<Client extends Redis | Cluster>(client: Client): Client {
    clients.push(client);
    return client;
  }

  function optionsOf(url: string, env: Record<string, string> = {}): Redis['options'] {
    const client = keep(createRedis(configOf(url, env), 'commands'));
    if (!(client instanceof Redis)) {
      throw new Error('not a connection to one server');
    }
    return client.options;
  }

  function clusterOf(url: string, env: Record<string, string> = {}): Cluster {
    const client = keep(createRedis(configOf(url, { REDIS_MODE: 'cluster', ...env }), 'commands'));
    if (!(client instanceof Cluster)) {
      throw new Error('not a cluster');
    }
    return client;
  }

  it('go to one server, with its default port and database', () => {
    const options = optionsOf('redis://127.0.0.1');

    expect(options).toMatchObject({ host: '127.0.0.1', port: 6379, db: 0 });
    expect([options.username ?? null, options.password ?? null, options.tls]).toEqual([null, null, undefined]);
  });

  it('carry user, password and database of the URL, decoded', () => {
    expect(optionsOf('redis://app%40user:p%40ss%2Fw%3Ard@127.0.0.1:1/5')).toMatchObject({
      port: 1,
      username: 'app@user',
      password: 'p@ss/w:rd',
      db: 5,
    });
    expect(optionsOf('redis://:only-password@127.0.0.1:1').password).toBe('only-password');
  });

  it('take an IPv6 address without its brackets', () => {
    expect(optionsOf('redis://[::1]:1')).toMatchObject({ host: '::1', port: 1 });
  });

  it('are encrypted for rediss://, by the authority of REDIS_CA', () => {
    expect(optionsOf('rediss://127.0.0.1:1', { REDIS_CA: CERTIFICATE }).tls).toMatchObject({ ca: CERTIFICATE });
    expect(optionsOf('redis://127.0.0.1:1', { REDIS_CA: CERTIFICATE }).tls).toBeUndefined();
    expect(optionsOf('rediss://127.0.0.1:1').tls).toMatchObject({ ca: undefined });
  });

  it('accept a certificate for the host that they go to, or for a host of REDIS_URL where an address was announced', () => {
    const check = optionsOf('rediss://redis.example:1').tls?.checkServerIdentity;

    expect(check?.('redis.example', certificateFor('redis.example'))).toBeUndefined();
    expect(check?.('10.0.0.7', certificateFor('redis.example'))).toBeUndefined();
    expect(check?.('10.0.0.7', certificateFor('other.example'))).toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(check?.('redis.example', certificateFor('other.example'))).toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(check?.('other.example', certificateFor('redis.example'))).toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  it('never let a request wait: commands fail at once without a connection, and in two seconds with a silent one', async () => {
    const client = keep(createRedis(configOf('redis://127.0.0.1:1'), 'commands'));

    expect(client.options).toMatchObject({ enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 2_000 });
    await expect(client.ping()).rejects.toThrow();
  });

  it('wait for jobs for as long as it takes', () => {
    expect(keep(createRedis(configOf('redis://127.0.0.1:1'), 'blocking')).options).toMatchObject({
      enableOfflineQueue: true,
      maxRetriesPerRequest: null,
    });
  });

  it('ask all sentinels for the master of that name', () => {
    const options = optionsOf('redis://user:secret@127.0.0.1:1/2,redis://localhost:2', {
      REDIS_MODE: 'sentinel',
      REDIS_SENTINEL_NAME: 'main',
    });

    expect(options).toMatchObject({
      sentinels: [
        { host: '127.0.0.1', port: 1 },
        { host: 'localhost', port: 2 },
      ],
      name: 'main',
      username: 'user',
      password: 'secret',
      db: 2,
      enableTLSForSentinelMode: false,
    });
  });

  it('have a password of its own for the sentinels, which is not that of the master', () => {
    const env = {
      REDIS_MODE: 'sentinel',
      REDIS_SENTINEL_USERNAME: 'watcher',
      REDIS_SENTINEL_PASSWORD: 'of the sentinels',
    };

    expect(optionsOf('redis://user:secret@127.0.0.1:1', env)).toMatchObject({
      username: 'user',
      password: 'secret',
      sentinelUsername: 'watcher',
      sentinelPassword: 'of the sentinels',
    });
    expect(optionsOf('redis://user:secret@127.0.0.1:1', { REDIS_MODE: 'sentinel' }).sentinelPassword).toBeUndefined();
  });

  it('reach sentinels and master by TLS for rediss://, and never send a password in the clear', () => {
    const options = optionsOf('rediss://:secret@127.0.0.1:1', { REDIS_MODE: 'sentinel', REDIS_CA: CERTIFICATE });

    expect(options).toMatchObject({
      enableTLSForSentinelMode: true,
      tls: { ca: CERTIFICATE },
      sentinelTLS: { ca: CERTIFICATE },
    });
  });

  it('know all named nodes of a cluster, with user, password and TLS', () => {
    const cluster = clusterOf('rediss://user:secret@127.0.0.1:1,rediss://localhost:2');

    expect(cluster.options.redisOptions).toMatchObject({
      username: 'user',
      password: 'secret',
      tls: expect.any(Object),
    });
    expect(cluster.options.enableOfflineQueue).toBe(false);
  });

  it('keep the names of the nodes of a cluster with TLS, for their certificates', () => {
    const looked: unknown[] = [];
    clusterOf('rediss://127.0.0.1:1').options.dnsLookup?.('redis-1.example', (...answer) => void looked.push(answer));

    expect(looked).toEqual([[null, 'redis-1.example']]);
  });

  it('listen to channels over one connection, on a cluster too', () => {
    for (const mode of ['single', 'cluster', 'sentinel']) {
      const subscriber = keep(createSubscriber(configOf('redis://:secret@127.0.0.1:1', { REDIS_MODE: mode })));

      expect(subscriber).toBeInstanceOf(Redis);
      expect(subscriber.options).toMatchObject({ password: 'secret', maxRetriesPerRequest: null });
    }
  });

  it('put all keys of a cluster into one hash slot', () => {
    const env = { REDIS_KEY_PREFIX: 'mine' };

    expect(redisKeyPrefix(configOf('redis://a', env))).toBe('mine');
    expect(redisKeyPrefix(configOf('redis://a', { ...env, REDIS_MODE: 'sentinel' }))).toBe('mine');
    expect(redisKeyPrefix(configOf('redis://a', { ...env, REDIS_MODE: 'cluster' }))).toBe('{mine}');
  });
});
