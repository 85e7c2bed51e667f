import { setTimeout as sleep } from 'node:timers/promises';
import { type DistributedCase } from './distributed-case';
import { expectRecovery } from './redis-cases';
import { type TcpProxy } from '../../support/tcp-proxy';

const CUT_MS = 8_000;
const DELAY_MS = 200;
const DELAYED_MS = 4_000;
const BETWEEN_MS = 2_000;

export const NETWORK_CASES: DistributedCase[] = [
  {
    name: 'the network between a worker and Redis is cut, delayed and reset',
    hasProxies: true,
    strike: async (scene) => {
      await disturb(scene.cluster.workerLinks.redis);
      await expectRecovery(scene);
    },
  },
  {
    name: 'the network between a worker and PostgreSQL is cut, delayed and reset',
    hasProxies: true,
    strike: async (scene) => {
      await disturb(scene.cluster.workerLinks.postgres);
      await expectRecovery(scene);
    },
  },
];

async function disturb(link: TcpProxy): Promise<void> {
  link.cut();
  await sleep(CUT_MS);
  link.heal();
  await sleep(BETWEEN_MS);
  // The connection is forgotten on the way, as by a firewall.
  link.cut();
  await sleep(CUT_MS / 2);
  link.reset();
  link.heal();
  await sleep(BETWEEN_MS);
  link.delay(DELAY_MS);
  await sleep(DELAYED_MS);
  link.delay(0);
  for (let count = 0; count < 5; count++) {
    link.reset();
    await sleep(300);
  }
}
