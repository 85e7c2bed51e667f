import { parseArgs } from 'node:util';
import { isScenarioName, SCENARIOS, type Scenario, type ScenarioName } from './scenarios';

/** A server that somebody else has started. */
export interface OutsideServer {
  url: string;
  token: string;
  /** Its processes, for the CPU figures. */
  pids: number[];
}

/** How the server is run that is measured. */
export type BenchMode = 'embedded' | 'distributed';

export interface BenchOptions extends Scenario {
  mode: BenchMode;
  /** Distributed: processes of the roles `api` and `worker`, beside one scheduler. */
  apis: number;
  workers: number;
  name: ScenarioName;
  payloadBytes: number;
  drainSeconds: number;
  serverEnv: Record<string, string>;
  outside?: OutsideServer;
  databaseUrl?: string;
  postmasterPid?: number;
  jsonFile?: string;
}

/** Thrown for a command line that makes no sense; the message is for the person at the keyboard. */
export class UsageError extends Error {}

export const USAGE = `Usage: npm run bench -- [--scenario ${Object.keys(SCENARIOS).join('|')}] [options]

  --mode embedded|distributed   one process and its Postgres, or processes by role on Postgres and Redis (embedded)
  --apis N --workers N  distributed: processes of these roles (1)
  --duration S          seconds that are measured
  --warmup S            seconds before that
  --drain S             seconds that the last deliveries may take (60)
  --connections N       connections of the load generator
  --backlog N           closed loop: deliveries on their way at the same time
  --rate N              open loop: messages a second
  --applications N      applications, posted to in turn
  --endpoints N         endpoints of each application (1 to 32)
  --payload BYTES       size of a payload (1024)
  --json FILE           writes all figures to this file
  --server-env K=V      a setting of the server that is started; may be repeated
  --url U --token T     uses a running server instead; it must allow deliveries to 127.0.0.1
  --pid N               a process of the running server, for its CPU figures; may be repeated
  --database-url U      counts transactions in this database
  --postmaster-pid N    the main process of that Postgres, for its CPU figures`;

const one = { type: 'string' } as const;
const many: { type: 'string'; multiple: true; default: string[] } = { type: 'string', multiple: true, default: [] };
const FLAGS = {
  scenario: { ...one, default: 'steady' },
  mode: { ...one, default: 'embedded' },
  apis: { ...one, default: '1' },
  workers: { ...one, default: '1' },
  duration: one,
  warmup: one,
  drain: { ...one, default: '60' },
  connections: one,
  backlog: one,
  rate: one,
  applications: one,
  endpoints: one,
  payload: { ...one, default: '1024' },
  json: one,
  'server-env': many,
  url: one,
  token: one,
  pid: many,
  'database-url': one,
  'postmaster-pid': one,
};

/** Reads the command line; throws UsageError. */
export function parseOptions(args: string[]): BenchOptions {
  const values = parse(args);
  if (!isScenarioName(values.scenario)) {
    throw new UsageError(`there is no scenario "${values.scenario}"`);
  }
  const scenario: Scenario = SCENARIOS[values.scenario];
  return {
    name: values.scenario,
    mode: mode(values.mode),
    apis: whole('apis', values.apis) ?? 1,
    workers: whole('workers', values.workers) ?? 1,
    shape: scenario.shape,
    durationSeconds: positive('duration', values.duration) ?? scenario.durationSeconds,
    warmupSeconds: positive('warmup', values.warmup) ?? scenario.warmupSeconds,
    connections: whole('connections', values.connections) ?? scenario.connections,
    backlog: whole('backlog', values.backlog) ?? scenario.backlog,
    rate: positive('rate', values.rate) ?? scenario.rate,
    applications: whole('applications', values.applications) ?? scenario.applications,
    endpointsPerApplication: whole('endpoints', values.endpoints) ?? scenario.endpointsPerApplication,
    payloadBytes: whole('payload', values.payload) ?? 0,
    drainSeconds: positive('drain', values.drain) ?? 0,
    serverEnv: Object.fromEntries(values['server-env'].map(setting)),
    outside: outside(values.url, values.token, values.pid),
    databaseUrl: values['database-url'],
    postmasterPid: whole('postmaster-pid', values['postmaster-pid']),
    jsonFile: values.json,
  };
}

function parse(args: string[]): ReturnType<typeof parseArgs<{ options: typeof FLAGS }>>['values'] {
  try {
    return parseArgs({ args, options: FLAGS, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function mode(text: string): BenchMode {
  if (text !== 'embedded' && text !== 'distributed') {
    throw new UsageError(`--mode takes embedded or distributed, not "${text}"`);
  }
  return text;
}

function outside(url: string | undefined, token: string | undefined, pids: string[]): OutsideServer | undefined {
  if (!url && !token) {
    return undefined;
  }
  if (!url || !token) {
    throw new UsageError('--url and --token belong together');
  }
  return { url: url.replace(/\/+$/, ''), token, pids: pids.map((pid) => whole('pid', pid) ?? 0) };
}

function setting(text: string): [string, string] {
  const [, name, value] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (!name || value === undefined) {
    throw new UsageError(`--server-env takes NAME=VALUE, not "${text}"`);
  }
  return [name, value];
}

function positive(flag: string, text: string | undefined): number | undefined {
  const value = text === undefined ? undefined : Number(text);
  if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
    throw new UsageError(`--${flag} takes a positive number, not "${text}"`);
  }
  return value;
}

function whole(flag: string, text: string | undefined): number | undefined {
  const value = positive(flag, text);
  if (value !== undefined && !Number.isInteger(value)) {
    throw new UsageError(`--${flag} takes a whole number, not "${text}"`);
  }
  return value;
}
