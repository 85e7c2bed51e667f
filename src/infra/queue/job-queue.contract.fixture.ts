import { setTimeout as sleep } from 'node:timers/promises';
import { defineQueue, type JobQueue, type QueueDefinition } from './job-queue';

interface Job {
  n: number;
}

/** The queues of a test, for drivers that must know them beforehand. */
export const CONTRACT_QUEUES = ['contract-1', 'contract-2'];

/** A driver under test: `open` makes a queue, each call with the same jobs behind it where a driver has such. */
export interface QueueDriver {
  open(): Promise<JobQueue>;
  /** Removes what the test left behind. */
  clear(): Promise<void>;
}

const PAUSE_MS = 5;
const PATIENCE_MS = 5_000;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(`not true within ${PATIENCE_MS} ms: ${condition.toString()}`);
    }
    await sleep(PAUSE_MS);
  }
}

/** A job that ends when the test says so. */
function gated(): { handler: (job: Job) => Promise<void>; started: number[]; release: () => void } {
  const started: number[] = [];
  let release = (): void => undefined;
  const opened = new Promise<void>((resolve) => (release = resolve));
  return {
    handler: async (job) => {
      started.push(job.n);
      await opened;
    },
    started,
    release: () => release(),
  };
}

/** What every driver of `JobQueue` must do; called by the test file of each driver. */
export function itIsAJobQueue(driver: QueueDriver): void {
  let queue: JobQueue;
  let names = 0;

  beforeEach(async () => {
    names = 0;
    queue = await driver.open();
  });

  afterEach(async () => {
    await queue.stop();
    await driver.clear();
  });

  const newQueue = (): QueueDefinition<Job> => defineQueue<Job>(`contract-${(names += 1)}`, () => 100);

  it('hands over what was added before and after a consumer came, in order', async () => {
    const definition = newQueue();
    const seen: number[] = [];
    for (const n of [1, 2, 3]) {
      expect(await queue.add(definition, `job-${n}`, { n })).toBe(true);
    }
    expect(await queue.waiting(definition)).toBe(3);
    queue.consume(definition, { concurrency: 1 }, async ({ n }) => void seen.push(n));
    await queue.add(definition, 'job-4', { n: 4 });

    await until(() => seen.length === 4);
    expect(seen).toEqual([1, 2, 3, 4]);
    await until(async () => (await queue.waiting(definition)) === 0);
  });

  it('works on no more than its concurrency, and on that much', async () => {
    const definition = newQueue();
    const { handler, started, release } = gated();
    queue.consume(definition, { concurrency: 3 }, handler);
    for (let n = 0; n < 7; n++) {
      await queue.add(definition, `job-${n}`, { n });
    }
    await until(() => started.length === 3);
    await sleep(20);
    expect(started).toHaveLength(3);
    expect(await queue.waiting(definition)).toBe(4);

    release();
    await until(() => started.length === 7);
  });

  it('takes an id that waits or is under way as added, and only once', async () => {
    const definition = newQueue();
    const { handler, started, release } = gated();
    queue.consume(definition, { concurrency: 1 }, handler);
    await queue.add(definition, 'running', { n: 1 });
    await until(() => started.length === 1);
    await queue.add(definition, 'waiting', { n: 2 });

    expect(await queue.add(definition, 'running', { n: 3 })).toBe(true);
    expect(await queue.add(definition, 'waiting', { n: 4 })).toBe(true);
    release();
    await until(() => started.length === 2);
    await sleep(20);
    expect(started).toEqual([1, 2]);
  });

  it('takes an id again once its job has ended', async () => {
    const definition = newQueue();
    const seen: number[] = [];
    queue.consume(definition, { concurrency: 1 }, async ({ n }) => void seen.push(n));
    await queue.add(definition, 'same', { n: 1 });
    await until(() => seen.length === 1);

    await until(async () => {
      await queue.add(definition, 'same', { n: 2 });
      return seen.length >= 2;
    });
  });

  it('goes on after a job that failed, whose id is free again', async () => {
    const definition = newQueue();
    const seen: number[] = [];
    queue.consume(definition, { concurrency: 1 }, async ({ n }) => {
      seen.push(n);
      if (n === 1) {
        throw new Error('scripted');
      }
    });
    await queue.add(definition, 'job', { n: 1 });
    await queue.add(definition, 'other', { n: 2 });
    await until(() => seen.includes(2));

    await until(async () => {
      await queue.add(definition, 'job', { n: 3 });
      return seen.includes(3);
    });
  });

  it('keeps queues apart', async () => {
    const [first, second] = [newQueue(), newQueue()];
    const seen: number[] = [];
    queue.consume(first, { concurrency: 1 }, async ({ n }) => void seen.push(n));
    await queue.add(second, 'job', { n: 2 });
    await queue.add(first, 'job', { n: 1 });

    await until(() => seen.length > 0);
    expect(seen).toEqual([1]);
    expect(await queue.waiting(second)).toBe(1);
  });

  it('has one consumer of a queue only', () => {
    const definition = newQueue();
    queue.consume(definition, { concurrency: 1 }, async () => undefined);

    expect(() => queue.consume(definition, { concurrency: 1 }, async () => undefined)).toThrow(definition.name);
  });

  it('waits for what is under way when it is stopped, and takes and starts nothing more', async () => {
    const definition = newQueue();
    const { handler, started, release } = gated();
    queue.consume(definition, { concurrency: 1 }, handler);
    await queue.add(definition, 'running', { n: 1 });
    await queue.add(definition, 'waiting', { n: 2 });
    await until(() => started.length === 1);
    let isStopped = false;
    const stopped = queue.stop().then(() => (isStopped = true));
    await sleep(20);
    expect(isStopped).toBe(false);
    expect(await queue.add(definition, 'late', { n: 3 })).toBe(false);

    release();
    await stopped;
    await sleep(20);
    expect(started).toEqual([1]);
  });
}
