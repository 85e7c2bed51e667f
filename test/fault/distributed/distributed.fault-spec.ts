import { mkdtemp, chmod, rm } from 'node:fs/promises';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually';
import { type FaultCase, reportCase, table } from '../report';
import { Cluster } from './cluster';
import { IS_SHORT } from '../short';
import { type DistributedCase } from './distributed-case';
import { LOAD_BALANCER_CASES } from './load-balancer-cases';
import { NETWORK_CASES } from './network-cases';
import { NginxServer } from './nginx-server';
import { POSTGRES_CASES } from './postgres-cases';
import { PostgresServer } from './postgres-server';
import { PROCESS_CASES } from './process-cases';
import { REDIS_CASES } from './redis-cases';
import { Scene } from './scene';
import { Undertaker } from '../../support/undertaker';

const CASES = [...PROCESS_CASES, ...REDIS_CASES, ...POSTGRES_CASES, ...NETWORK_CASES, ...LOAD_BALANCER_CASES].filter(
  ({ isInShortVersion }) => !IS_SHORT || isInShortVersion === true,
);
const RUN_ON_MS = 2_000;
/** Longer than all leases, the retry schedule and a slow machine together. */
const DELIVERED_WITHIN_MS = 60_000;
const SETTLED_WITHIN_MS = 40_000;
const PREFERRED = -10;
const ORDINARY = 0;
const CASE_TIMEOUT_MS = 240_000;

describe('a cluster in distributed mode, under load', () => {
  const results: FaultCase[] = [];
  let dir: string;
  let undertaker: Undertaker;
  let postgres: PostgresServer;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'posthorn-fault-'));
    await chmod(dir, 0o755); // as root PostgreSQL runs as another user, who has to get in
    undertaker = new Undertaker(dir);
    postgres = await PostgresServer.start(join(dir, 'postgres'), undertaker);
    prefer(PREFERRED);
  }, 60_000);

  afterAll(async () => {
    process.stdout.write(table(results.map(({ details, ...numbers }) => ({ ...numbers, ...shown(details) }))));
    prefer(ORDINARY);
    await postgres?.stop();
    undertaker?.dismiss();
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  it.each(CASES)(
    'loses nothing when $name',
    async (fault) => {
      const cluster = await Cluster.start({ ...fault, postgres, undertaker, dir: join(dir, 'cluster') });
      try {
        expect(await run(fault, cluster)).toEqual([]);
      } finally {
        await cluster.close();
      }
    },
    CASE_TIMEOUT_MS,
  );

  async function run(fault: DistributedCase, cluster: Cluster): Promise<string[]> {
    const ports = cluster.apis.map(({ url }) => Number(new URL(url).port));
    const nginx = fault.hasLoadBalancer
      ? await NginxServer.start(join(dir, 'cluster', 'nginx'), ports, undertaker)
      : undefined;
    const scene = await Scene.start(cluster, nginx && [nginx.url]);
    try {
      await fault.strike(scene);
      await sleep(RUN_ON_MS);
      await scene.stopPosting();
      return await judge(fault, scene);
    } finally {
      await scene.close();
      await nginx?.stop();
    }
  }

  /** What is wrong after a case; empty when all is well. */
  async function judge(fault: DistributedCase, scene: Scene): Promise<string[]> {
    await settled(() => expect(scene.undelivered()).toEqual([]), DELIVERED_WITHIN_MS);
    await settled(async () => {
      expect(await scene.leftOver()).toEqual({ dispatches: '0', deliveries: '0' });
      expect(await scene.unrecorded()).toEqual([]);
    }, SETTLED_WITHIN_MS);
    const leftOver = await scene.leftOver();
    const unrecorded = await scene.unrecorded();
    const unclean = await scene.cluster.stop();
    const { unexplained, ...explained } = await scene.repetitions();
    const entry = summary(fault, scene, { ...explained, unexplained: unexplained.length });
    results.push(entry);
    await reportCase(entry);
    return [
      ...scene.problems,
      ...first('not delivered', scene.undelivered()),
      ...first('delivered twice without cause', unexplained),
      ...first('one post, several messages', scene.doubledPosts()),
      ...first('not recorded', unrecorded),
      ...first('never acked', neverAcked(scene)),
      ...(Object.values(leftOver).some((count) => count !== '0')
        ? [`work is left over: ${JSON.stringify(leftOver)}`]
        : []),
      ...scene.cluster.nodes.flatMap((node) => first(`${node.name} asks for help`, node.logged('error', 'fatal'))),
      ...unclean,
    ];
  }
});

/** Gives this process more of a busy machine, where that is allowed; else a slow receiver would make answers late. */
function prefer(priority: number): void {
  try {
    setPriority(priority);
  } catch {
    // Only root may.
  }
}

/** Waits; whatever does not come true is looked at again by the verdict. */
async function settled(assertion: () => void | Promise<void>, timeoutMs: number): Promise<void> {
  await eventually(assertion, timeoutMs, 250).catch(() => undefined);
}

function summary(fault: DistributedCase, scene: Scene, repetitions: Record<string, number>): FaultCase {
  const acked = scene.sender.acked;
  const lost = acked.filter((message) => scene.undelivered([message]).length > 0).length;
  const late = scene.latenesses();
  return {
    case: `distributed: ${fault.name}`,
    acked: acked.length,
    delivered: acked.length - lost,
    lost,
    duplicates: scene.log.repetitions().length,
    longestGapMs: scene.longestGap,
    details: {
      posted: scene.sender.messages.length,
      failures: Object.fromEntries(scene.sender.failures),
      workerKills: scene.kills.length,
      underWayAtKills: scene.underWayAtKills,
      longestLagOfTheTestMs: scene.longestLagMs,
      repetitions,
      medianLatenessMs: late[Math.floor(late.length / 2)],
      latenessP99Ms: late[Math.floor(late.length * 0.99)],
      longestLatenessMs: late.at(-1),
      deliveries: late.length,
      lateDeliveries: late.filter((ms) => ms > 3_000).length,
      warnings: count(scene.cluster.nodes.flatMap((node) => node.logged('warn')).map(messageOf)),
    },
  };
}

/** The columns of the table beside the numbers that every case has. */
function shown(details: Record<string, unknown>): Record<string, unknown> {
  const { latenessP99Ms, longestLatenessMs, failures } = details;
  const failed = Object.values(failures as Record<string, number>).reduce((sum, number) => sum + number, 0);
  return { failedPosts: failed, latenessP99Ms, longestLatenessMs };
}

function first(what: string, texts: string[]): string[] {
  const shownTexts = texts.slice(0, 5).map((text) => `${what}: ${text}`);
  return texts.length > 5 ? [...shownTexts, `${what}: ${texts.length} in all`] : shownTexts;
}

function neverAcked(scene: Scene): string[] {
  return scene.sender.messages
    .filter(({ id }) => id === undefined)
    .map(({ sequence, posts }) => `message ${sequence}, posted ${posts} times`);
}

function messageOf(line: string): string {
  const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
  return `${msg ?? line}${err?.message === undefined ? '' : ` (${err.message.slice(0, 60)})`}`;
}

function count(texts: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) {
    counts[text] = (counts[text] ?? 0) + 1;
  }
  return counts;
}
