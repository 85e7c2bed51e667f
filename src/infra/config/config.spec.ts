import { Config, ConfigError, loadConfig, withConfig } from './config';
import { SETTINGS } from './settings';

type Name = keyof typeof SETTINGS;

/** Settings of one kind are good only together with another. */
const TOGETHER_WITH: Partial<Record<Name, Record<string, string>>> = {
  redisUrl: { DATABASE_URL: 'postgres://localhost/posthorn' },
};

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';

/** For every setting: texts that are taken, with their value, and texts that are refused. */
const CASES: Record<Name, { good: [string, unknown][]; bad: string[] }> = {
  listenAddress: {
    good: ['127.0.0.1:0', '0.0.0.0:65535', '[::]:80', 'localhost:8071'].map((text) => [text, text]),
    bad: ['8071', 'localhost', ':8071', '127.0.0.1:65536', '127.0.0.1:x', '::1:80', 'http://a:80', 'a b:80'],
  },
  dataDir: { good: [['/var/lib/posthorn', '/var/lib/posthorn']], bad: [] },
  databaseUrl: {
    good: ['postgres://a:b@c:1/d', 'postgresql://localhost/d'].map((text) => [text, text]),
    bad: ['localhost', 'mysql://a:secret-b@c/d', 'postgres:/secret', 'postgres://a b/c'],
  },
  redisUrl: {
    good: [
      ['', []],
      ['redis://localhost', ['redis://localhost']],
      ['rediss://user:p%40ss@redis:6379/15', ['rediss://user:p%40ss@redis:6379/15']],
      ['redis://[::1]:6380/', ['redis://[::1]:6380/']],
    ],
    bad: [
      'localhost:6379',
      'http://:secret-a@redis',
      'redis:secret-b',
      'redis://:secret c@redis',
      'redis://:secret-d@redis:port',
      'redis://:secret-e@redis/name',
      'redis://:secret-f@redis/1/2',
      'redis://:secret-g@redis,',
      'redis://:secret-%h@redis',
    ],
  },
  redisMode: { good: [['cluster', 'cluster']], bad: ['standalone', 'Cluster'] },
  redisSentinelName: { good: [['posthorn-master', 'posthorn-master']], bad: [] },
  redisSentinelUsername: { good: [['watcher', 'watcher']], bad: [] },
  redisSentinelPassword: { good: [['p@ss word', 'p@ss word']], bad: [] },
  redisKeyPrefix: {
    good: [['a_B-1.c', 'a_B-1.c']],
    bad: ['a:b', 'a b', '{posthorn}', 'x'.repeat(65)],
  },
  redisCa: { good: [[CERTIFICATE, CERTIFICATE]], bad: ['/etc/ssl/ca.pem', 'MIIB'] },
  shutdownDelaySeconds: { good: [['0', 0]], bad: ['-1', '301', '5s'] },
  shutdownTimeoutSeconds: { good: [['600', 600]], bad: ['0', '601', '1.5'] },
  trustedProxies: {
    good: [
      ['', []],
      ['10.0.0.0/8, fd00::/8', ['10.0.0.0/8', 'fd00::/8']],
    ],
    bad: ['10.0.0.1', 'nginx', '*', 'true'],
  },
  databasePooler: { good: [['transaction', 'transaction']], bad: ['session', 'pgbouncer'] },
  processes: {
    good: ['auto', '1', '99'].map((text) => [text, text]),
    bad: ['0', '100', '-1', '2.5', 'all'],
  },
  databasePoolSize: { good: [['2', 2]], bad: ['1', '201', 'many', '-5', '5.5', '1e1', ' 5', '0x10'] },
  jwtSecret: { good: [['x'.repeat(16), 'x'.repeat(16)]], bad: ['secret-of-15-ch'] },
  jwtAlgorithm: { good: [['ES256', 'ES256']], bad: ['none', 'hs256', 'HS257'] },
  mainSecret: { good: [['y'.repeat(16), 'y'.repeat(16)]], bad: ['secret-too-short'.slice(0, 15)] },
  retryScheduleSeconds: {
    good: [
      ['', []],
      ['5, 300,0.5', [5, 300, 0.5]],
      ['0', [0]],
    ],
    bad: ['5,', '5,,6', '-1', '5;6', '1e3', 'Infinity', '2592001', '5m'],
  },
  requestTimeoutSeconds: { good: [['30', 30]], bad: ['0', '31', '1.5'] },
  egressAllowSubnets: {
    good: [
      ['', []],
      ['127.0.0.0/8, fd00::/8', ['127.0.0.0/8', 'fd00::/8']],
    ],
    bad: ['127.0.0.1', 'localhost/8', '10.0.0.0/', ','],
  },
  messageRetentionDays: { good: [['5', 5]], bad: ['0', '3651', '1.5', '90d'] },
  endpointHttpsOnly: { good: [['true', true]], bad: ['1', 'yes', 'TRUE'] },
  endpointDisableAfterHours: { good: [['0', 0]], bad: ['-1', '8761'] },
  endpointMaxInFlight: { good: [['1', 1]], bad: ['0', '10001'] },
  deliveryMaxInFlight: { good: [['1', 1]], bad: ['0', '100001'] },
  retryMaxInFlight: { good: [['1', 1]], bad: ['0', '100001'] },
  defaultSignatureType: { good: [['ed25519', 'ed25519']], bad: ['v1', 'ED25519'] },
  webhookHeaders: { good: [['svix', 'svix']], bad: ['none', 'svix,webhook'] },
  maxBodyBytes: { good: [['1024', 1024]], bad: ['1023', '67108865', '2mb'] },
  rateLimitPerToken: { good: [['1', 1]], bad: ['0', '10000001'] },
  rateLimitPerAddress: { good: [['1', 1]], bad: ['0', '10000001'] },
  logLevel: { good: [['silent', 'silent']], bad: ['verbose', 'INFO'] },
  logFormat: { good: [['json', 'json']], bad: ['text'] },
};

const names = Object.keys(SETTINGS) as Name[];

describe('loadConfig', () => {
  it('has a default for every setting', () => {
    const config = loadConfig({});

    expect(config).toBeInstanceOf(Config);
    expect(Object.keys(config).sort()).toEqual([...names].sort());
    expect(config).toMatchObject({
      listenAddress: '127.0.0.1:8071',
      requestTimeoutSeconds: 15,
      databaseUrl: undefined,
    });
  });

  it.each(names)('takes good values of %s', (name) => {
    for (const [text, value] of CASES[name].good) {
      expect(loadConfig({ ...TOGETHER_WITH[name], [SETTINGS[name].env]: text })[name]).toEqual(value);
    }
  });

  it.each(names)('refuses bad values of %s, and names the variable', (name) => {
    const { env, isSecret } = SETTINGS[name];
    for (const text of CASES[name].bad) {
      const load = (): Config => loadConfig({ ...TOGETHER_WITH[name], [env]: text });
      expect(load).toThrow(ConfigError);
      expect(load).toThrow(env);
      expect(load).toThrow(/expected/);
      const shown = messageOf(load).includes(text);
      expect(shown).toBe(!isSecret);
    }
  });

  it('never shows a secret, and shows what else is wrong', () => {
    const message = messageOf(() =>
      loadConfig({ JWT_SECRET: 'hush-1', MAIN_SECRET: 'hush-2', DATABASE_URL: 'hush-3', LOG_LEVEL: 'loud' }),
    );

    expect(message).not.toContain('hush');
    expect(message.split('\n')).toHaveLength(4);
    expect(message).toContain('got "loud"');
  });

  it('takes an empty variable as unset, but for lists', () => {
    const config = loadConfig({ LISTEN_ADDRESS: '', DATABASE_URL: '', RETRY_SCHEDULE: '' });

    expect(config).toMatchObject({ listenAddress: '127.0.0.1:8071', databaseUrl: undefined, retryScheduleSeconds: [] });
  });

  it('refuses to remove messages before their retries can be over', () => {
    const load = (days: string, schedule?: string) => (): Config =>
      loadConfig({ MESSAGE_RETENTION_DAYS: days, RETRY_SCHEDULE: schedule });

    expect(load('4')).toThrow(/^MESSAGE_RETENTION_DAYS: expected at least 5,/);
    expect(load('5')().messageRetentionDays).toBe(5);
    expect(load('1', '')().messageRetentionDays).toBe(1);
    expect(load('1', '5')).toThrow(/^MESSAGE_RETENTION_DAYS: expected at least 2,/);
    expect(load('72', '2592000,2592000')).toThrow(/^MESSAGE_RETENTION_DAYS: expected at least 73,/);
    expect(messageOf(load('x', '5m')).split('\n')).toHaveLength(2);
  });

  it('ignores variables of others', () => {
    expect(() => loadConfig({ PATH: '/bin', HOME: '/', REDIS_HOST: 'x' })).not.toThrow();
  });

  describe('REDIS_URL', () => {
    const DATABASE_URL = 'postgres://localhost/posthorn';
    const problemOf = (env: Record<string, string>): string => messageOf(() => loadConfig(env));

    it('needs DATABASE_URL', () => {
      for (const database of [{}, { DATABASE_URL: '' }] as Record<string, string>[]) {
        const problem = problemOf({ REDIS_URL: 'redis://:hush@redis', ...database });
        expect(problem).toMatch(/^REDIS_URL: needs DATABASE_URL/);
        expect(problem).not.toContain('hush');
      }
      expect(loadConfig({ REDIS_URL: '' }).redisUrl).toEqual([]);
      expect(loadConfig({ REDIS_URL: 'redis://:hush@redis', DATABASE_URL }).redisUrl).toHaveLength(1);
    });

    it('never shows a password, whatever is wrong with it', () => {
      for (const url of [
        'redis//user:hush@redis',
        'redis://user:hush@redis:x',
        'redis://a:hush@b,c',
        'redis://a:hush@b/c',
        'redis://a:hush%@b',
      ]) {
        const problem = problemOf({ REDIS_URL: url, DATABASE_URL });
        expect(problem).toMatch(/^REDIS_URL: expected/);
        expect(problem).not.toContain('hush');
      }
    });

    it('names one server, unless REDIS_MODE says that they belong together', () => {
      const REDIS_URL = 'redis://:hush@a:1,redis://b:2';

      expect(problemOf({ REDIS_URL, DATABASE_URL })).toMatch(/^REDIS_URL: .*REDIS_MODE/);
      expect(problemOf({ REDIS_URL, DATABASE_URL })).not.toContain('hush');
      for (const REDIS_MODE of ['cluster', 'sentinel']) {
        expect(loadConfig({ REDIS_URL, DATABASE_URL, REDIS_MODE }).redisUrl).toEqual([
          'redis://:hush@a:1',
          'redis://b:2',
        ]);
      }
    });

    it('names no database of a cluster, which has only one', () => {
      const env = { DATABASE_URL, REDIS_MODE: 'cluster' };

      expect(problemOf({ ...env, REDIS_URL: 'redis://:hush@a:1/3' })).toMatch(/^REDIS_URL: .*database 0/);
      expect(loadConfig({ ...env, REDIS_URL: 'redis://a:1/0' }).redisUrl).toHaveLength(1);
    });
  });
});

describe('withConfig', () => {
  it('changes a copy', () => {
    const config = loadConfig({});
    const changed = withConfig(config, { maxBodyBytes: 5 });

    expect(changed).toBeInstanceOf(Config);
    expect([config.maxBodyBytes, changed.maxBodyBytes]).toEqual([2_097_152, 5]);
  });
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It did not throw');
}
