import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually';
import { type DistributedCase } from './distributed-case';
import { type SHUTDOWNS } from './postgres-server';
import { type Scene } from './scene';

const DOWN_MS = 2_000;
const RUN_MS = 2_000;
const RECOVERED_WITHIN_MS = 15_000;

export const POSTGRES_CASES: DistributedCase[] = [
  {
    name: 'PostgreSQL is restarted, fast',
    strike: (scene) => restart(scene, 'fast', [0, DOWN_MS]),
  },
  {
    name: 'PostgreSQL is restarted, immediately',
    strike: (scene) => restart(scene, 'immediate', [0, DOWN_MS]),
  },
  {
    name: 'PostgreSQL is killed',
    isInShortVersion: true,
    strike: (scene) => restart(scene, 'kill', [0, DOWN_MS]),
  },
  {
    name: 'PostgreSQL is away for longer than every lease',
    env: { REQUEST_TIMEOUT_SECONDS: '2' },
    strike: (scene) => restart(scene, 'fast', [20_000]),
  },
  {
    name: 'the connections to PostgreSQL are ended one by one',
    strike: async (scene) => {
      const { postgres, databaseUrl } = scene.cluster;
      for (let round = 0; round < 3; round++) {
        for (const pid of await postgres.connections(databaseUrl)) {
          await postgres.terminateConnection(pid);
          await sleep(20);
        }
      }
      await expectReady(scene);
    },
  },
];

async function restart(scene: Scene, how: keyof typeof SHUTDOWNS, downs: number[]): Promise<void> {
  for (const downMs of downs) {
    const restarted = scene.cluster.postgres.restart(how, downMs);
    if (downMs > 0) {
      await sleep(downMs / 2);
      await expectRefusal(scene);
    }
    await restarted;
    await expectReady(scene);
    await sleep(RUN_MS);
  }
  const others = [...scene.sender.failures.keys()].filter((kind) => !kind.startsWith('status 503'));
  others.forEach((kind) => scene.problem(`a post failed otherwise than with 503: ${kind}`));
}

/** Without a database nothing can be accepted, and load balancers shall know. */
async function expectRefusal(scene: Scene): Promise<void> {
  for (const node of scene.cluster.apis) {
    const { code, status } = await node.readiness();
    if (code !== 503 || status !== 'error') {
      scene.problem(`without PostgreSQL ${node.name} says ${code} ${status}`);
    }
  }
}

async function expectReady(scene: Scene): Promise<void> {
  try {
    await eventually(async () => {
      for (const node of scene.cluster.nodes) {
        expect({ node: node.name, ...(await node.readiness()) }).toEqual({ node: node.name, code: 200, status: 'ok' });
      }
    }, RECOVERED_WITHIN_MS);
  } catch (error) {
    scene.problem(`not ready after ${RECOVERED_WITHIN_MS} ms: ${String(error)}`);
  }
}
