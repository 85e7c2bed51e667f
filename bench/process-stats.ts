import { readdir, readFile } from 'node:fs/promises';

/** USER_HZ, which Linux fixes at 100 on every architecture that Node runs on. */
const MS_PER_TICK = 10;

/** What /proc says about a process; times in milliseconds. */
export interface ProcessStat {
  pid: number;
  parent: number;
  name: string;
  cpuMs: number;
  /** Time of children that have ended and were waited for. */
  endedChildrenMs: number;
}

/** CPU time of the server and of what it works with at one instant, in milliseconds. */
export interface CpuSample {
  serverMs: number;
  postgresMs: number | null;
  /** 0 without a Redis. */
  redisMs: number;
}

/** Whose CPU time counts. */
export interface MeasuredProcesses {
  pids: number[];
  postmasterPid?: number;
  redisPid?: number;
}

/** Reads `/proc/<pid>/stat`; the name stands in parentheses and may itself contain some. */
export function parseStat(text: string): ProcessStat {
  const end = text.lastIndexOf(')');
  const fields = text
    .slice(end + 2)
    .split(' ')
    .map(Number);
  const [, parent = 0] = fields;
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
  return {
    pid: Number.parseInt(text, 10),
    parent,
    name: text.slice(text.indexOf('(') + 1, end),
    cpuMs: (user + system) * MS_PER_TICK,
    endedChildrenMs: (childUser + childSystem) * MS_PER_TICK,
  };
}

/** A process and everything below it. */
export function treeOf(processes: ProcessStat[], root: number): ProcessStat[] {
  const found = processes.filter((process) => process.pid === root);
  // The list grows while it is walked: each round adds the children of one process.
  for (const parent of found) {
    found.push(...processes.filter((process) => process.parent === parent.pid));
  }
  return found;
}

/** All processes of this machine, or null where there is no /proc. */
async function readProcesses(): Promise<ProcessStat[] | null> {
  if (process.platform !== 'linux') {
    return null;
  }
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map(readStat));
  return stats.filter((stat) => stat !== undefined);
}

/**
 * CPU time so far of the server's processes, of Postgres and of Redis. Sessions of Postgres come and go, therefore the
 * time of ended ones counts as well. Null where it cannot be read.
 */
export async function sampleCpu({ pids, postmasterPid, redisPid }: MeasuredProcesses): Promise<CpuSample | null> {
  const processes = await readProcesses();
  if (!processes || pids.length === 0) {
    return null;
  }
  const postgres = new Map(
    [postmasterPid, ...pids]
      .flatMap((root) => (root === undefined ? [] : treeOf(processes, root)))
      .filter((process) => process.name === 'postgres')
      .map((process) => [process.pid, process]),
  );
  const server = pids.flatMap((pid) => treeOf(processes, pid)).filter((process) => !postgres.has(process.pid));
  return {
    serverMs: sum(server.map((process) => process.cpuMs)),
    postgresMs: postgres.size === 0 ? null : sum([...postgres.values()].map((one) => one.cpuMs + one.endedChildrenMs)),
    redisMs: redisPid === undefined ? 0 : sum(treeOf(processes, redisPid).map((process) => process.cpuMs)),
  };
}

/** The largest resident size that any process of the server has had, in bytes; null where it cannot be read. */
export async function peakRss(serverPids: number[]): Promise<number | null> {
  const processes = (await readProcesses()) ?? [];
  const server = serverPids.flatMap((pid) => treeOf(processes, pid)).filter(({ name }) => name !== 'postgres');
  const sizes = await Promise.all(server.map(({ pid }) => peakRssOf(pid)));
  const known = sizes.filter((size) => size !== null);
  return known.length === 0 ? null : Math.max(...known);
}

async function peakRssOf(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes ? Number(kilobytes) * 1024 : null;
}

async function readStat(pid: string): Promise<ProcessStat | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    // Ended between the listing and the reading.
    return undefined;
  }
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
