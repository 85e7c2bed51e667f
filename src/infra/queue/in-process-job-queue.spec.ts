import { type Logger } from '@/infra/observability/logger';
import { InProcessJobQueue } from './in-process-job-queue';
import { defineQueue } from './job-queue';
import { itIsAJobQueue } from './job-queue.contract.fixture';

const MEGABYTE = 1024 * 1024;

describe('InProcessJobQueue', () => {
  const warnings: string[] = [];
  const log = { warn: (_fields: object, message: string) => void warnings.push(message) } as unknown as Logger;

  itIsAJobQueue({ open: async () => new InProcessJobQueue(log), clear: async () => undefined });

  it('refuses more jobs than it may keep in memory, by number', async () => {
    const queue = new InProcessJobQueue(log);
    const definition = defineQueue<number>('small', () => 1);
    const taken: boolean[] = [];
    for (let n = 0; n < 10_001; n++) {
      taken.push(await queue.add(definition, String(n), n));
    }

    expect(taken.filter(Boolean)).toHaveLength(10_000);
    expect(taken.at(-1)).toBe(false);
    expect(await queue.add(definition, '0', 0)).toBe(true);
  });

  it('refuses more jobs than it may keep in memory, by size, and takes some again when there is room', async () => {
    const queue = new InProcessJobQueue(log);
    const definition = defineQueue<number>('large', (megabytes) => megabytes * MEGABYTE);
    expect(await queue.add(definition, 'a', 20)).toBe(true);
    expect(await queue.add(definition, 'b', 20)).toBe(false);
    expect(await queue.add(definition, 'c', 12)).toBe(true);

    const seen: number[] = [];
    queue.consume(definition, { concurrency: 1 }, async (job) => void seen.push(job));
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([20, 12]);
    expect(await queue.add(definition, 'b', 20)).toBe(true);
  });

  it('logs a job that failed', async () => {
    const queue = new InProcessJobQueue(log);
    const definition = defineQueue<number>('failing', () => 1);
    queue.consume(definition, { concurrency: 1 }, () => Promise.reject(new Error('scripted')));
    await queue.add(definition, 'a', 1);
    await queue.stop();

    expect(warnings.at(-1)).toMatch(/a job failed/);
  });
});
