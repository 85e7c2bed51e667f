import { type JobQueue } from '@/infra/queue/job-queue';
import { type DeliveriesRepository } from './deliveries.repository';
import { type DispatchProcessor } from './dispatch.processor';
import { StrandedDispatches } from './stranded-dispatches';

describe('StrandedDispatches', () => {
  let nowMs: number;
  let stranded: string[];
  let freed: string[];
  let added: string[];
  let isDatabaseAway: boolean;
  /** What the queue does with a job. */
  let queue: { isAvailable: boolean; isFull: boolean };
  let dispatches: StrandedDispatches;

  const ask = async (): Promise<void> => {
    if (isDatabaseAway) {
      throw new Error('the database is away');
    }
  };

  beforeEach(() => {
    nowMs = 1_000_000;
    stranded = ['dsp_1', 'dsp_2'];
    freed = [];
    added = [];
    isDatabaseAway = false;
    queue = { isAvailable: true, isFull: false };
    const repository = {
      ping: ask,
      listStrandedDispatches: async () => {
        await ask();
        return stranded.filter((id) => !freed.includes(id));
      },
      freeDispatches: async (ids: string[]) => void freed.push(...ids),
    };
    const jobs = {
      get isAvailable() {
        return queue.isAvailable;
      },
      add: async (_queue: unknown, id: string) => queue.isAvailable && !queue.isFull && added.push(id) > 0,
    };
    const processor = { takeFree: async () => ({ batches: 0, messages: 0 }) };
    dispatches = new StrandedDispatches(
      repository as unknown as DeliveriesRepository,
      processor as unknown as DispatchProcessor,
      jobs as unknown as JobQueue,
      { now: () => nowMs },
    );
  });

  it('hands stranded batches over again, as often as it finds them', async () => {
    await dispatches.handOver();
    await dispatches.handOver();

    expect(added).toEqual(['dsp_1', 'dsp_2', 'dsp_1', 'dsp_2']);
    expect(freed).toEqual([]);
  });

  it('frees them while the queue is out of reach', async () => {
    queue.isAvailable = false;
    await dispatches.handOver();

    expect(freed).toEqual(['dsp_1', 'dsp_2']);
  });

  it('leaves them to a queue that is full', async () => {
    queue.isFull = true;
    await dispatches.handOver();

    expect(freed).toEqual([]);
  });

  it('frees one whose job does nothing for 20 s', async () => {
    stranded = ['dsp_1'];
    await dispatches.handOver();
    stranded = ['dsp_1', 'dsp_2'];
    nowMs += 20_000;
    await dispatches.handOver();
    expect(freed).toEqual([]);
    nowMs += 1;
    await dispatches.handOver();

    expect(freed).toEqual(['dsp_1']);
  });

  it('does not count the time in which the database is away', async () => {
    await dispatches.handOver();
    isDatabaseAway = true;
    nowMs += 15_000;
    await expect(dispatches.handOver()).rejects.toThrow('the database is away');
    isDatabaseAway = false;
    nowMs += 15_000;
    await dispatches.handOver();

    expect(added).toHaveLength(4);
    expect(freed).toEqual([]);
  });

  it('frees stranded ones on a worker that does not reach the queue', async () => {
    await dispatches.takeFree();
    expect(freed).toEqual([]);
    queue.isAvailable = false;
    await dispatches.takeFree();

    expect(freed).toEqual(['dsp_1', 'dsp_2']);
  });
});
