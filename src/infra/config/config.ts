import { RETRY_JITTER } from '@libs/retry-schedule/retry-schedule';
import { SETTINGS } from './settings';
import { type Setting } from './setting';

type ValueOf<S> = S extends Setting<infer T> ? T : never;

type ConfigValues = { readonly [K in keyof typeof SETTINGS]: ValueOf<(typeof SETTINGS)[K]> };

/** All settings, read and checked once before anything starts. Inject it; nothing else reads the environment. */
export class Config extends (class {} as unknown as new () => ConfigValues) {}

/** A setting is wrong; the message names its variable, and never shows a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads the settings from variables such as `process.env`; an empty variable counts as unset. Throws `ConfigError`. */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    try {
      values[name] = readSetting(setting, env[setting.env]);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  problems.push(...redisProblems(values, env), ...retentionProblems(values));
  if (problems.length > 0) {
    throw new ConfigError(problems.join('\n'));
  }
  return Object.assign(new Config(), values);
}

/** What is wrong between settings that are each good by themselves. */
function redisProblems(
  { redisUrl = [], redisMode }: Partial<ConfigValues>,
  env: Record<string, string | undefined>,
): string[] {
  const problems: string[] = [];
  if (env['REDIS_URL'] && !env['DATABASE_URL']) {
    problems.push('needs DATABASE_URL, because processes on several machines cannot share the embedded Postgres');
  }
  if (redisMode === 'single' && redisUrl.length > 1) {
    problems.push('names several servers; REDIS_MODE says whether they are nodes of a cluster or sentinels');
  }
  if (redisMode === 'cluster' && redisUrl.some((url) => !['', '/', '/0'].includes(new URL(url).pathname))) {
    problems.push('a Redis Cluster has database 0 only');
  }
  return problems.map((problem) => `REDIS_URL: ${problem}`);
}

const DAY_SECONDS = 24 * 3600;
/** `deliverAt` is at most this far ahead. */
const MAX_DEFERRAL_SECONDS = DAY_SECONDS;

/** A message must not go before its deliveries have had their chance. */
function retentionProblems({ messageRetentionDays, retryScheduleSeconds }: Partial<ConfigValues>): string[] {
  if (messageRetentionDays === undefined || retryScheduleSeconds === undefined) {
    return [];
  }
  const scheduleSeconds = retryScheduleSeconds.reduce((sum, delay) => sum + delay, 0) * (1 + RETRY_JITTER);
  const leastDays = Math.ceil((MAX_DEFERRAL_SECONDS + scheduleSeconds) / DAY_SECONDS);
  return messageRetentionDays >= leastDays
    ? []
    : [`MESSAGE_RETENTION_DAYS: expected at least ${leastDays}, the days that RETRY_SCHEDULE and deliverAt can take`];
}

/** A copy with some values replaced, checked by the compiler only. */
export function withConfig(config: Config, changes: Partial<ConfigValues>): Config {
  return Object.assign(new Config(), config, changes);
}

function readSetting(setting: Setting<unknown>, text: string | undefined): unknown {
  // RETRY_SCHEDULE= means "no retries": for lists, empty is a value of its own.
  if (text === undefined || (text === '' && !Array.isArray(setting.defaultValue))) {
    return setting.defaultValue;
  }
  try {
    return setting.parse(text);
  } catch (error) {
    const shown = setting.isSecret ? '' : `, got "${text}"`;
    throw new ConfigError(`${setting.env}: ${error instanceof Error ? error.message : String(error)}${shown}`, {
      cause: error,
    });
  }
}
