import { DEFAULT_RETRY_SCHEDULE_SECONDS } from '@libs/retry-schedule/retry-schedule';
import { choice, flag, integer, list, type Setting, text } from './setting';
import { atLeast, checkListenAddress, parseDelaySeconds, parseRedisUrl, parseSubnet } from './setting-checks';

const POSTGRES_URL_PATTERN = /^postgres(ql)?:\/\/\S+$/;

/** Every setting of Posthorn: the key is its name in `Config`, the variable its name outside. */
export const SETTINGS = {
  listenAddress: text(
    {
      env: 'LISTEN_ADDRESS',
      default: '127.0.0.1:8071',
      doc: 'Address and port of the API. Port 0 takes a free one, which the start-up banner names.',
    },
    checkListenAddress,
  ),
  dataDir: text({
    env: 'DATA_DIR',
    default: '.posthorn',
    doc: 'Folder of the embedded Postgres and of the generated secrets; kept over restarts.',
  }),
  databaseUrl: text<string | undefined>(
    {
      env: 'DATABASE_URL',
      default: undefined,
      defaultText: 'unset: the embedded Postgres',
      isSecret: true,
      example: 'postgres://user:password@db:5432/posthorn',
      doc: 'Your own PostgreSQL, version 15 or newer, instead of the embedded one.',
    },
    (value) => (POSTGRES_URL_PATTERN.test(value) ? undefined : 'expected postgres://user:password@host:port/database'),
  ),
  redisUrl: list<string>(
    {
      env: 'REDIS_URL',
      default: [],
      defaultText: 'unset: one process does everything',
      isSecret: true,
      example: 'rediss://user:password@redis:6379/0',
      doc: 'Redis of the queues between processes; needs DATABASE_URL. Several nodes of a cluster or sentinels are separated by commas.',
    },
    parseRedisUrl,
  ),
  redisMode: choice({
    env: 'REDIS_MODE',
    default: 'single',
    of: ['single', 'cluster', 'sentinel'],
    doc: 'What REDIS_URL names: one server, nodes of a Redis Cluster, or sentinels.',
  }),
  redisSentinelName: text({
    env: 'REDIS_SENTINEL_NAME',
    default: 'mymaster',
    doc: 'Name of the master that the sentinels watch.',
  }),
  redisSentinelUsername: text<string | undefined>({
    env: 'REDIS_SENTINEL_USERNAME',
    default: undefined,
    defaultText: 'unset',
    doc: 'User at the sentinels themselves, where they have users. User and password in REDIS_URL are those of the master.',
  }),
  redisSentinelPassword: text<string | undefined>({
    env: 'REDIS_SENTINEL_PASSWORD',
    default: undefined,
    defaultText: 'unset: the sentinels ask for none',
    isSecret: true,
    doc: 'Password of the sentinels themselves (their requirepass).',
  }),
  redisKeyPrefix: text(
    {
      env: 'REDIS_KEY_PREFIX',
      default: 'posthorn',
      doc: 'Begins every key and channel in Redis, for a Redis that is shared.',
    },
    (value) => (/^[\w.-]{1,64}$/.test(value) ? undefined : 'expected 1 to 64 letters, digits, "_", "." and "-"'),
  ),
  redisCa: text<string | undefined>(
    {
      env: 'REDIS_CA',
      default: undefined,
      defaultText: 'unset: the certificates that Node trusts',
      doc: 'PEM certificate of the authority that signed the certificate of a rediss:// server: the text, not a path.',
    },
    (value) =>
      value.includes('-----BEGIN CERTIFICATE-----')
        ? undefined
        : 'expected a certificate that begins with -----BEGIN CERTIFICATE-----',
  ),
  shutdownDelaySeconds: integer({
    env: 'SHUTDOWN_DELAY_SECONDS',
    default: 0,
    min: 0,
    max: 300,
    doc: 'After SIGTERM readiness is red for this long before anything stops, so that load balancers notice first.',
  }),
  shutdownTimeoutSeconds: integer({
    env: 'SHUTDOWN_TIMEOUT_SECONDS',
    default: 30,
    min: 1,
    max: 600,
    doc: 'Deadline in seconds for what is under way at a stop; the rest is in the database and goes on elsewhere.',
  }),
  trustedProxies: list<string>(
    {
      env: 'TRUSTED_PROXIES',
      default: [],
      defaultText: 'none',
      example: '10.0.0.0/8',
      doc: 'Subnets of load balancers whose X-Forwarded-For and X-Forwarded-Proto are believed.',
    },
    parseSubnet,
  ),
  databasePoolSize: integer({
    env: 'DATABASE_POOL_SIZE',
    default: 10,
    min: 2,
    max: 200,
    doc: 'Most connections that one process opens to Postgres.',
  }),
  databasePooler: choice({
    env: 'DATABASE_POOLER',
    default: 'none',
    of: ['none', 'transaction'],
    doc: 'transaction: DATABASE_URL leads to a pooler such as PgBouncer in transaction mode.',
  }),
  processes: text(
    {
      env: 'POSTHORN_PROCESSES',
      default: '1',
      doc: 'Processes of this role on this machine behind one port; auto takes one for each core. More than 1 needs REDIS_URL.',
    },
    (value) => (/^(auto|[1-9]\d?)$/.test(value) ? undefined : 'expected auto, or a number from 1 to 99'),
  ),
  jwtSecret: text<string | undefined>(
    {
      env: 'JWT_SECRET',
      default: undefined,
      defaultText: 'generated once and kept in DATA_DIR',
      isSecret: true,
      doc: 'Secret of HS256, HS384 and HS512 tokens (at least 16 characters), or the PEM public or private key of RS* and ES* tokens.',
    },
    atLeast(16),
  ),
  jwtAlgorithm: choice({
    env: 'JWT_ALGORITHM',
    default: 'HS256',
    of: ['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'],
    doc: 'Algorithm of the access tokens; every other one is refused.',
  }),
  mainSecret: text<string | undefined>(
    {
      env: 'MAIN_SECRET',
      default: undefined,
      defaultText: 'generated once and kept in DATA_DIR',
      isSecret: true,
      doc: 'Encrypts signing secrets and endpoint headers at rest. Losing it loses them.',
    },
    atLeast(16),
  ),
  retryScheduleSeconds: list<number>(
    {
      env: 'RETRY_SCHEDULE',
      default: [...DEFAULT_RETRY_SCHEDULE_SECONDS],
      defaultText: DEFAULT_RETRY_SCHEDULE_SECONDS.join(','),
      doc: 'Delays in seconds between the attempts of a delivery, each with a jitter of 20 %. Empty: no retries.',
    },
    parseDelaySeconds,
  ),
  requestTimeoutSeconds: integer({
    env: 'REQUEST_TIMEOUT_SECONDS',
    default: 15,
    min: 1,
    max: 30,
    doc: 'Deadline in seconds of one delivery attempt: name look-up, connection, head and body together.',
  }),
  egressAllowSubnets: list<string>(
    {
      env: 'EGRESS_ALLOW_SUBNETS',
      default: [],
      defaultText: 'none',
      example: '127.0.0.0/8,10.0.0.0/8',
      doc: 'Private or special subnets that endpoints may point to. All others of that kind are refused.',
    },
    parseSubnet,
  ),
  messageRetentionDays: integer({
    env: 'MESSAGE_RETENTION_DAYS',
    default: 90,
    min: 1,
    max: 3650,
    doc: 'Messages and attempts are removed after this many days, and payloads no later. Must be longer than RETRY_SCHEDULE takes.',
  }),
  endpointHttpsOnly: flag({
    env: 'ENDPOINT_HTTPS_ONLY',
    default: false,
    doc: 'Refuses endpoints whose URL is not https.',
  }),
  endpointDisableAfterHours: integer({
    env: 'ENDPOINT_DISABLE_AFTER_HOURS',
    default: 120,
    min: 0,
    max: 8760,
    doc: 'An endpoint whose attempts have all failed for this many hours is disabled. 0 never disables.',
  }),
  endpointMaxInFlight: integer({
    env: 'ENDPOINT_MAX_IN_FLIGHT',
    default: 64,
    min: 1,
    max: 10_000,
    doc: 'Most attempts under way to one endpoint from one process. Further deliveries wait.',
  }),
  deliveryMaxInFlight: integer({
    env: 'DELIVERY_MAX_IN_FLIGHT',
    default: 1000,
    min: 1,
    max: 100_000,
    doc: 'Most first attempts under way in one process. A payload of more than 128 KiB counts as several.',
  }),
  retryMaxInFlight: integer({
    env: 'RETRY_MAX_IN_FLIGHT',
    default: 250,
    min: 1,
    max: 100_000,
    doc: 'Most retries, resends and other due deliveries under way in one process: a budget of their own, counted in the same way.',
  }),
  defaultSignatureType: choice({
    env: 'DEFAULT_SIGNATURE_TYPE',
    default: 'hmac256',
    of: ['hmac256', 'ed25519'],
    doc: 'Kind of the signing secret that a new endpoint gets: hmac256 signs v1, ed25519 signs v1a.',
  }),
  webhookHeaders: choice({
    env: 'WEBHOOK_HEADERS',
    default: 'both',
    of: ['both', 'svix', 'webhook'],
    doc: 'Names of the signature headers that deliveries carry: svix-*, webhook-* or both.',
  }),
  maxBodyBytes: integer({
    env: 'MAX_BODY_BYTES',
    default: 2_097_152,
    min: 1024,
    max: 67_108_864,
    doc: 'Largest request body in bytes; one more is answered with 413.',
  }),
  rateLimitPerToken: integer({
    env: 'RATE_LIMIT_PER_TOKEN',
    default: 20_000,
    min: 1,
    max: 10_000_000,
    doc: 'Requests a second that one process takes of one token; more are answered with 429.',
  }),
  rateLimitPerAddress: integer({
    env: 'RATE_LIMIT_PER_ADDRESS',
    default: 20_000,
    min: 1,
    max: 10_000_000,
    doc: 'Requests a second that one process takes of one client address; more are answered with 429.',
  }),
  logLevel: choice({
    env: 'LOG_LEVEL',
    default: 'info',
    of: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    doc: 'Least level that is logged.',
  }),
  logFormat: choice({
    env: 'LOG_FORMAT',
    default: 'auto',
    of: ['auto', 'json', 'pretty'],
    doc: 'auto is readable on a terminal and JSON lines elsewhere.',
  }),
} satisfies Record<string, Setting<unknown>>;
