import { loadConfig } from '@/infra/config/config';
import { eventually } from '../../../test/support/eventually';
import { startRedis, type TestRedis } from '../../../test/support/redis';
import { TestBullQueue } from './bull-job-queue.fixture';
import { defineQueue } from './job-queue';
import { CONTRACT_QUEUES, itIsAJobQueue } from './job-queue.contract.fixture';

interface Job {
  n: number;
}

const QUEUE = defineQueue<Job>('numbers', () => 100);
const MEGABYTE = 1024 * 1024;
/** A request must never wait for Redis: what `add` may take at most when Redis is away. */
const QUICK_MS = 2_500;

jest.setTimeout(30_000);

describe('BullJobQueue', () => {
  let redis: TestRedis;
  const processes: TestBullQueue[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  }, 200_000);

  afterAll(() => redis.stop());

  async function open(...names: string[]): Promise<TestBullQueue> {
    const config = loadConfig({ REDIS_URL: redis.url, DATABASE_URL: 'postgres://nobody@localhost/none' });
    const process = await TestBullQueue.open(config, names);
    processes.push(process);
    await eventually(() => expect(process.queue.isAvailable).toBe(true));
    return process;
  }

  async function closeAll(): Promise<void> {
    await Promise.all(processes.splice(0).map((process) => process.close()));
    await redis.server.flushAll();
  }

  describe('by the contract', () => {
    itIsAJobQueue({ open: async () => (await open(...CONTRACT_QUEUES)).queue, clear: closeAll });
  });

  describe('on Redis', () => {
    afterEach(closeAll);

    it('hands jobs from one process to another', async () => {
      const [producer, consumer] = [await open('numbers'), await open('numbers')];
      const seen: number[] = [];
      consumer.queue.consume(QUEUE, { concurrency: 2 }, async ({ n }) => void seen.push(n));
      for (let n = 0; n < 20; n++) {
        expect(await producer.queue.add(QUEUE, `job-${n}`, { n })).toBe(true);
      }

      await eventually(() => expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n)));
    });

    it('leaves nothing in Redis of jobs that ended, whether well or not', async () => {
      const { queue } = await open('numbers');
      const seen: number[] = [];
      queue.consume(QUEUE, { concurrency: 1 }, async ({ n }) => {
        seen.push(n);
        throw new Error('scripted');
      });
      await queue.add(QUEUE, 'one', { n: 1 });
      await eventually(() => expect(seen).toEqual([1]));

      await eventually(async () => {
        const keys = await redis.server.command((client) => client.keys('posthorn:*'));
        expect(keys.filter((key) => /one|failed|completed|active|wait$/.test(key))).toEqual([]);
      });
    });

    it('refuses a job that is larger than 1 MiB', async () => {
      const { queue } = await open('numbers');
      const sized = defineQueue<Job>('numbers', ({ n }) => n);

      expect(await queue.add(sized, 'fits', { n: MEGABYTE })).toBe(true);
      expect(await queue.add(sized, 'too-large', { n: MEGABYTE + 1 })).toBe(false);
      expect(await queue.waiting(QUEUE)).toBe(1);
    });

    it('says quickly that Redis is away, and works again when it is back', async () => {
      const { queue } = await open('numbers');
      const seen: number[] = [];
      queue.consume(QUEUE, { concurrency: 1 }, async ({ n }) => void seen.push(n));
      await queue.add(QUEUE, 'before', { n: 1 });
      await eventually(() => expect(seen).toEqual([1]));

      await redis.server.kill();
      const beganAt = performance.now();
      expect(await queue.add(QUEUE, 'meanwhile', { n: 2 })).toBe(false);
      expect(performance.now() - beganAt).toBeLessThan(QUICK_MS);
      await eventually(() => expect(queue.isAvailable).toBe(false));
      await expect(queue.waiting(QUEUE)).rejects.toThrow();

      await redis.server.start();
      await eventually(() => expect(queue.isAvailable).toBe(true), 10_000);
      expect(await queue.add(QUEUE, 'after', { n: 3 })).toBe(true);
      await eventually(() => expect(seen).toEqual([1, 3]), 10_000);
    });

    it('says quickly that Redis does not answer any more', async () => {
      const { queue } = await open('numbers');
      redis.server.pause();
      try {
        const beganAt = performance.now();
        expect(await queue.add(QUEUE, 'job', { n: 1 })).toBe(false);
        expect(performance.now() - beganAt).toBeLessThan(QUICK_MS);
        expect(queue.isAvailable).toBe(false);
      } finally {
        redis.server.resume();
      }
      await eventually(() => expect(queue.isAvailable).toBe(true), 10_000);
    });

    it('starts without Redis, and finds it later', async () => {
      await redis.server.kill();
      const config = loadConfig({ REDIS_URL: redis.url, DATABASE_URL: 'postgres://nobody@localhost/none' });
      const process = await TestBullQueue.open(config, ['numbers']);
      processes.push(process);
      const seen: number[] = [];
      process.queue.consume(QUEUE, { concurrency: 1 }, async ({ n }) => void seen.push(n));
      expect(await process.queue.add(QUEUE, 'early', { n: 1 })).toBe(false);

      await redis.server.start();

      await eventually(() => expect(process.queue.isAvailable).toBe(true), 10_000);
      expect(await process.queue.add(QUEUE, 'late', { n: 2 })).toBe(true);
      await eventually(() => expect(seen).toEqual([2]), 10_000);
    });

    it('gives the job of a process that died to another one', async () => {
      const [first, second] = [await open('numbers'), await open('numbers')];
      const begun: number[] = [];
      let end = (): void => undefined;
      first.queue.consume(QUEUE, { concurrency: 1 }, ({ n }) => {
        begun.push(n);
        return new Promise((resolve) => (end = resolve));
      });
      await first.queue.add(QUEUE, 'job', { n: 1 });
      await eventually(() => expect(begun).toEqual([1]));
      const taken: number[] = [];
      second.queue.consume(QUEUE, { concurrency: 1 }, async ({ n }) => void taken.push(n));

      first.cutOff();

      await eventually(() => expect(taken).toEqual([1]), 10_000);
      end();
    });

    it('takes a job again that Redis forgot while it ran', async () => {
      const { queue } = await open('numbers');
      const seen: number[] = [];
      let release = (): void => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      queue.consume(QUEUE, { concurrency: 1 }, async ({ n }) => {
        seen.push(n);
        await released;
      });
      await queue.add(QUEUE, 'job', { n: 1 });
      await eventually(() => expect(seen).toEqual([1]));
      await redis.server.flushAll();
      release();

      await eventually(async () => {
        await queue.add(QUEUE, 'job', { n: 2 });
        expect(seen).toContain(2);
      });
      expect(queue.isAvailable).toBe(true);
    });

    it('leaves nothing of a job that Redis forgot just when it was taken', async () => {
      const { queue } = await open('numbers');
      const seen: number[] = [];
      // What Bull makes of it: the time at which it was taken, and nothing else.
      await redis.server.command((client) => client.hset('posthorn:numbers:job', 'processedOn', '1'));
      await redis.server.command((client) => client.lpush('posthorn:numbers:wait', 'job'));
      queue.consume(QUEUE, { concurrency: 1 }, async ({ n }) => void seen.push(n));

      await eventually(async () => {
        await queue.add(QUEUE, 'job', { n: 1 });
        expect(seen).toContain(1);
      });
    });

    it('leaves a long job to the process that works on it', async () => {
      const [first, second] = [await open('numbers'), await open('numbers')];
      const begun: string[] = [];
      let end = (): void => undefined;
      const handler = (name: string) => () => {
        begun.push(name);
        return new Promise<void>((resolve) => (end = resolve));
      };
      first.queue.consume(QUEUE, { concurrency: 1 }, handler('first'));
      await first.queue.add(QUEUE, 'job', { n: 1 });
      await eventually(() => expect(begun).toEqual(['first']));
      second.queue.consume(QUEUE, { concurrency: 1 }, handler('second'));

      // Four times as long as its lock would last without being renewed.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(begun).toEqual(['first']);
      end();
    });
  });
});
