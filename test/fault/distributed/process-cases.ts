import { setTimeout as sleep } from 'node:timers/promises';
import { IS_SHORT } from '../short';
import { type DistributedCase } from './distributed-case';

const KILL_EVERY_MS = 2_000;
const KILLS = IS_SHORT ? 5 : 30;
/** Longer than the lease of a dispatch (15 s), of a delivery (REQUEST_TIMEOUT_SECONDS and 15 s) and of a job (10 s). */
const FROZEN_MS = 20_000;

export const PROCESS_CASES: DistributedCase[] = [
  {
    name: 'a random process is killed every 2 s',
    isInShortVersion: true,
    strike: async (scene) => {
      const { nodes } = scene.cluster;
      for (let count = 0; count < KILLS; count++) {
        const node = nodes[Math.floor(Math.random() * nodes.length)];
        const killedAt = Date.now();
        if (node?.role === 'worker') {
          scene.noteLoss(killedAt);
        }
        await node?.kill();
        node?.start();
        await sleep(KILL_EVERY_MS - (Date.now() - killedAt));
      }
      await Promise.all(nodes.map((node) => node.waitReady()));
    },
  },
  {
    name: 'a worker is frozen for longer than every lease',
    env: { REQUEST_TIMEOUT_SECONDS: '2' },
    strike: async (scene) => {
      const [worker] = scene.cluster.workers;
      const frozenAt = Date.now();
      worker?.process.kill('SIGSTOP');
      scene.noteLoss(frozenAt);
      await sleep(FROZEN_MS);
      worker?.process.kill('SIGCONT');
      await worker?.waitReady();
      await sleep(3_000);
    },
  },
];
