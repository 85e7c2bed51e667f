import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually';
import { type ClusterNode } from './cluster';
import { IS_SHORT } from '../short';
import { type DistributedCase } from './distributed-case';
import { type Scene } from './scene';

const AWAY_MS = IS_SHORT ? 5_000 : 20_000;
const FROZEN_MS = 10_000;
/** Within this time after an outage everything goes through the queue again. */
const RECOVERED_WITHIN_MS = 10_000;
const OBSERVED_MS = 2_000;
/** Without Redis deliveries go on from the database after a moment. */
const LONGEST_GAP_MS = 5_000;

export const REDIS_CASES: DistributedCase[] = [
  {
    name: 'Redis is flushed',
    isInShortVersion: true,
    strike: async (scene) => {
      for (let count = 0; count < 5; count++) {
        await scene.cluster.redis.flushAll();
        await sleep(700);
      }
      await expectRecovery(scene);
    },
  },
  {
    name: 'Redis is away',
    isInShortVersion: true,
    strike: async (scene) => {
      const { redis, apis, nodes, workers } = scene.cluster;
      await redis.kill();
      const startsWithoutRedis = [apis[0], workers[0]].filter((node) => node !== undefined);
      await sleep(1_000);
      await expectReadiness(scene, 'degraded');
      if (!IS_SHORT) {
        for (const node of startsWithoutRedis) {
          await restart(scene, node);
        }
      }
      await sleep(AWAY_MS - 1_000);
      await expectReadiness(scene, 'degraded');
      await redis.start();
      await expectRecovery(scene);
      const restarted = nodes.filter((node) => node.processes.length > (startsWithoutRedis.includes(node) ? 2 : 1));
      restarted.forEach((node) => scene.problem(`${node.name} was started again`));
      expectNothingRefused(scene);
    },
  },
  {
    name: 'Redis comes back empty',
    strike: async (scene) => {
      for (let count = 0; count < 3; count++) {
        await scene.cluster.redis.restartEmpty();
        await sleep(2_000);
      }
      await expectRecovery(scene);
      expectNothingRefused(scene);
    },
  },
  {
    name: 'Redis is frozen',
    strike: async (scene) => {
      const { redis } = scene.cluster;
      redis.pause();
      await sleep(FROZEN_MS / 2);
      await expectReadiness(scene, 'degraded');
      await sleep(FROZEN_MS / 2);
      redis.resume();
      await expectRecovery(scene);
      expectNothingRefused(scene);
    },
  },
];

/** Stops a process the way an orchestrator does, and waits until a new one is ready. */
async function restart(scene: Scene, node: ClusterNode): Promise<void> {
  const exit = await node.process.stop();
  if (exit.code !== 0) {
    scene.problem(`${node.name} ended with ${exit.signal ?? exit.code} without Redis`);
  }
  node.start();
  await node.waitReady();
}

async function expectReadiness(scene: Scene, wanted: string): Promise<void> {
  for (const node of scene.cluster.nodes) {
    const { code, status } = await node.readiness();
    if (code !== 200 || status !== wanted) {
      scene.problem(`${node.name} says ${code} ${status}, not 200 ${wanted}`);
    }
  }
}

function expectNothingRefused(scene: Scene): void {
  // A process that is stopped or started again refuses connections; answers of those that run do not refuse anything.
  const refusals = [...scene.sender.failures.keys()].filter((kind) => kind.startsWith('status'));
  refusals.forEach((refusal) => scene.problem(`a post was refused: ${refusal}`));
}

/** All processes say that they are well, and the workers get their work from the queue, none from the database. */
export async function expectRecovery(scene: Scene): Promise<void> {
  try {
    await eventually(async () => {
      for (const node of scene.cluster.nodes) {
        expect({ node: node.name, ...(await node.readiness()) }).toEqual({ node: node.name, code: 200, status: 'ok' });
      }
      const before = await recoveredDispatches(scene);
      await sleep(OBSERVED_MS);
      expect((await recoveredDispatches(scene)) - before).toBe(0);
    }, RECOVERED_WITHIN_MS);
  } catch (error) {
    scene.problem(`not back to normal after ${RECOVERED_WITHIN_MS} ms: ${String(error)}`);
  }
  if (scene.log.longestGapMs > LONGEST_GAP_MS) {
    scene.problem(`nothing was delivered for ${scene.log.longestGapMs} ms`);
  }
}

/** Batches that the workers have found in the database instead of the queue. */
async function recoveredDispatches(scene: Scene): Promise<number> {
  let count = 0;
  for (const { url } of scene.cluster.workers) {
    const text = await (await fetch(`${url}/metrics`)).text();
    count += Number(/^posthorn_dispatches_recovered_total (\d+)/m.exec(text)?.[1] ?? NaN);
  }
  return count;
}
