import { setTimeout as sleep } from 'node:timers/promises';
import { type DistributedCase } from './distributed-case';

const RUN_MS = 2_000;
/** nginx leaves a server alone for 2 s that it could not reach; the next one must not go before. */
const LEFT_ALONE_MS = 2_500;

export const LOAD_BALANCER_CASES: DistributedCase[] = [
  {
    name: 'an api behind nginx is killed, and then all processes are restarted one by one',
    hasLoadBalancer: true,
    env: { SHUTDOWN_DELAY_SECONDS: '1' },
    strike: async (scene) => {
      const { apis, nodes } = scene.cluster;
      await apis[0]?.kill();
      await sleep(RUN_MS);
      apis[0]?.start();
      await apis[0]?.waitReady();
      await sleep(RUN_MS);
      for (const node of nodes) {
        const exit = await node.process.stop();
        if (exit.code !== 0) {
          scene.problem(`${node.name} ended with ${exit.signal ?? exit.code}`);
        }
        node.start();
        await node.waitReady();
        await sleep(node.role === 'api' ? LEFT_ALONE_MS : 0);
      }
      // nginx has posted again where an api failed it, so that clients need not.
      for (const [kind, count] of scene.sender.failures) {
        scene.problem(`${count} posts failed: ${kind}`);
      }
    },
  },
];
