import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import {
  GroupCommit,
  GroupCommitClosedError,
  type GroupCommitOptions,
  GroupCommitOverloadError,
  GroupCommitResultError,
} from './group-commit';

interface Flush {
  items: number[];
  finish(): void;
  fail(error: Error): void;
}

/** A GroupCommit whose flushes end when the test says so; the result of item n is 10 n. */
function createGroup(options: Partial<GroupCommitOptions<number, number>> = {}): {
  group: GroupCommit<number, number>;
  flushes: Flush[];
} {
  const flushes: Flush[] = [];
  const flush = (items: number[]): Promise<number[]> =>
    new Promise((resolve, reject) => {
      flushes.push({ items, finish: () => resolve(items.map((item) => item * 10)), fail: reject });
    });
  const group = new GroupCommit({ flush, maxItems: 3, maxConcurrentFlushes: 1, maxWaiting: 100, ...options });
  return { group, flushes };
}

function createEchoGroup(options: Partial<GroupCommitOptions<number, number>> = {}): GroupCommit<number, number> {
  const flush = (items: number[]): Promise<number[]> => Promise.resolve(items);
  return new GroupCommit({ flush, maxItems: 3, maxConcurrentFlushes: 1, maxWaiting: 100, ...options });
}

/** Waits until what the present turn has caused is done: its results are handed out, and the next flush has begun. */
async function turnEnd(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

function itemsOf(flushes: Flush[]): number[][] {
  return flushes.map((flush) => flush.items);
}

describe('GroupCommit', () => {
  it('flushes the items of one turn together, at its end', async () => {
    const { group, flushes } = createGroup();
    const first = group.submit(1);
    const second = Promise.resolve().then(() => group.submit(2));
    await Promise.resolve();
    expect([group.waiting, group.running, flushes.length]).toEqual([2, 0, 0]);

    await turnEnd();
    expect(itemsOf(flushes)).toEqual([[1, 2]]);
    expect([group.waiting, group.running]).toEqual([0, 1]);

    flushes[0]!.finish();
    expect(await Promise.all([first, second])).toEqual([10, 20]);
    await group.drain();
    expect(group.running).toBe(0);
  });

  it('gathers items while a flush runs', async () => {
    const { group, flushes } = createGroup();
    void group.submit(1);
    await turnEnd();
    void group.submit(2);
    await turnEnd();
    void group.submit(3);
    await turnEnd();
    expect(itemsOf(flushes)).toEqual([[1]]);

    flushes[0]!.finish();
    await turnEnd();
    expect(itemsOf(flushes)).toEqual([[1], [2, 3]]);
  });

  it('starts a second flush beside a running one only for a full batch', async () => {
    const { group, flushes } = createGroup({ maxConcurrentFlushes: 2 });
    void group.submit(1);
    await turnEnd();
    [2, 3].forEach((item) => void group.submit(item));
    await turnEnd();
    expect(itemsOf(flushes)).toEqual([[1]]);

    [4, 5, 6, 7].forEach((item) => void group.submit(item));
    await turnEnd();
    expect(itemsOf(flushes)).toEqual([[1], [2, 3, 4]]);
    expect([group.running, group.waiting]).toEqual([2, 3]);
  });

  it('starts a second flush as soon as maxBytes wait', async () => {
    const { group, flushes } = createGroup({ maxConcurrentFlushes: 2, maxBytes: 10, sizeOf: (item) => item });
    void group.submit(1);
    await turnEnd();
    void group.submit(10);
    await turnEnd();
    expect(itemsOf(flushes)).toEqual([[1], [10]]);
  });

  it('uses every free flush at once when minItemsBesideRunning is 1', async () => {
    const { group, flushes } = createGroup({ maxConcurrentFlushes: 2, minItemsBesideRunning: 1 });
    for (const item of [1, 2, 3]) {
      void group.submit(item);
      await turnEnd();
    }
    expect(itemsOf(flushes)).toEqual([[1], [2]]);
  });

  it('flushes an item larger than maxBytes alone', async () => {
    const { group, flushes } = createGroup({
      maxItems: 9,
      maxConcurrentFlushes: 9,
      maxBytes: 10,
      sizeOf: (item) => item,
    });
    [4, 6, 50, 1, 2].forEach((item) => void group.submit(item));
    await turnEnd();
    flushes.forEach((flush) => flush.finish());
    await turnEnd();
    expect(itemsOf(flushes)).toEqual([[4, 6], [50], [1, 2]]);
  });

  it('rejects exactly the callers of the flush that failed', async () => {
    const { group, flushes } = createGroup();
    const outcomes = Promise.allSettled([1, 2, 3, 4].map((item) => group.submit(item)));
    await turnEnd();
    const error = new Error('database away');
    flushes[0]!.fail(error);
    await turnEnd();
    flushes[1]!.finish();
    const rejected = { status: 'rejected', reason: error };
    expect(await outcomes).toEqual([rejected, rejected, rejected, { status: 'fulfilled', value: 40 }]);
  });

  it('rejects the callers when flush throws synchronously, and goes on', async () => {
    let calls = 0;
    const flush = (items: number[]): Promise<number[]> => {
      if (calls++ === 0) {
        throw new Error('broken');
      }
      return Promise.resolve(items);
    };
    const group = createEchoGroup({ flush });
    await expect(group.submit(1)).rejects.toThrow('broken');
    expect(await group.submit(2)).toBe(2);
  });

  it.each<[string, unknown, string]>([
    ['too few', [1], 'The flush of 2 items returned 1 results'],
    ['too many', [1, 2, 3], 'The flush of 2 items returned 3 results'],
    ['no', undefined, 'The flush of 2 items did not return an array'],
  ])('rejects with a clear error when flush returns %s results', async (_, results, message) => {
    const group = createEchoGroup({ flush: () => Promise.resolve(results as number[]) });
    const outcomes = await Promise.allSettled([group.submit(1), group.submit(2)]);
    const rejected = { status: 'rejected', reason: new GroupCommitResultError(2, 0) };
    expect(outcomes).toEqual([rejected, rejected].map((outcome) => ({ ...outcome, reason: new Error(message) })));
    expect(outcomes.every((outcome) => 'reason' in outcome && outcome.reason instanceof GroupCommitResultError)).toBe(
      true,
    );
  });

  it('refuses items beyond maxWaitingBytes, but never one that nothing waits before', async () => {
    const sizeOf = (item: number): number => item;
    const { group, flushes } = createGroup({ sizeOf, maxWaitingBytes: 10 });
    const accepted = [group.submit(50)];
    await expect(group.submit(1)).rejects.toThrow(GroupCommitOverloadError);
    await turnEnd();
    accepted.push(group.submit(6), group.submit(4));
    await expect(group.submit(1)).rejects.toThrow('2 items are waiting already');
    flushes[0]!.finish();
    await turnEnd();
    flushes[1]!.finish();

    expect(await Promise.all(accepted)).toEqual([500, 60, 40]);
  });

  it('refuses items beyond maxWaiting at once, and takes more when there is room', async () => {
    const { group, flushes } = createGroup({ maxWaiting: 2 });
    const accepted = [group.submit(1), group.submit(2)];
    await expect(group.submit(3)).rejects.toThrow(GroupCommitOverloadError);
    expect(flushes).toHaveLength(0);

    await turnEnd();
    accepted.push(group.submit(4));
    flushes[0]!.finish();
    await turnEnd();
    flushes[1]!.finish();
    expect(await Promise.all(accepted)).toEqual([10, 20, 40]);
  });

  it.each([NaN, -1, Infinity])('refuses an item of size %p and keeps its counters', async (size) => {
    const group = createEchoGroup({ maxBytes: 10, sizeOf: (item) => (item === 1 ? size : 1) });
    await expect(group.submit(1)).rejects.toThrow(RangeError);
    expect(group.waiting).toBe(0);
    expect(await group.submit(2)).toBe(2);
  });

  it('drains at once when nothing waits or runs', async () => {
    await expect(createEchoGroup().drain()).resolves.toBeUndefined();
  });

  it('resolves drain and close only after everything accepted is flushed, failures included', async () => {
    const { group, flushes } = createGroup();
    const outcomes = Promise.allSettled([1, 2, 3, 4].map((item) => group.submit(item)));
    const events: string[] = [];
    const drained = group.drain().then(() => events.push('drained'));
    const closed = group.close().then(() => events.push('closed'));
    await expect(group.submit(5)).rejects.toThrow(GroupCommitClosedError);

    await turnEnd();
    flushes[0]!.fail(new Error('away'));
    await turnEnd();
    expect(events).toEqual([]);

    flushes[1]!.finish();
    await Promise.all([drained, closed, outcomes]);
    expect(events).toEqual(['drained', 'closed']);
    expect(itemsOf(flushes)).toEqual([[1, 2, 3], [4]]);
  });

  it.each<Partial<GroupCommitOptions<number, number>>>([
    { maxItems: 0 },
    { maxItems: 1.5 },
    { maxItems: NaN },
    { maxConcurrentFlushes: 0 },
    { maxWaiting: 0 },
    { maxWaitingBytes: 1 },
    { minItemsBesideRunning: 0 },
    { maxBytes: 10 },
    { maxBytes: 0, sizeOf: () => 1 },
    { lingerMs: -1 },
    { lingerMs: NaN },
    { lingerMs: Infinity },
  ])('refuses the options %p', (options) => {
    expect(() => createEchoGroup(options)).toThrow(RangeError);
  });
});

describe('GroupCommit with lingerMs', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  async function afterLoad(batch: number[]): Promise<ReturnType<typeof createGroup>> {
    const made = createGroup({ lingerMs: 5 });
    batch.forEach((item) => void made.group.submit(item));
    await jest.advanceTimersByTimeAsync(0);
    made.flushes[0]!.finish();
    await jest.advanceTimersByTimeAsync(0);
    return made;
  }

  it('does not wait on an idle instance', async () => {
    const { group, flushes } = createGroup({ lingerMs: 5 });
    void group.submit(1);
    await jest.advanceTimersByTimeAsync(0);
    expect(itemsOf(flushes)).toEqual([[1]]);
  });

  it('does not wait when the last flush had one item', async () => {
    const { group, flushes } = await afterLoad([1]);
    void group.submit(2);
    await jest.advanceTimersByTimeAsync(0);
    expect(itemsOf(flushes)).toEqual([[1], [2]]);
  });

  it('waits for more items after a flush of several, at most lingerMs from the first one', async () => {
    const { group, flushes } = await afterLoad([1, 2]);
    void group.submit(3);
    await jest.advanceTimersByTimeAsync(3);
    void group.submit(4);
    await jest.advanceTimersByTimeAsync(1);
    expect(flushes).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(itemsOf(flushes)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('stops waiting when the batch is full', async () => {
    const { group, flushes } = await afterLoad([1, 2]);
    [3, 4].forEach((item) => void group.submit(item));
    await jest.advanceTimersByTimeAsync(1);
    void group.submit(5);
    await jest.advanceTimersByTimeAsync(0);
    expect(itemsOf(flushes)).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('does not wait when the last flush is long ago', async () => {
    const { group, flushes } = await afterLoad([1, 2]);
    await jest.advanceTimersByTimeAsync(21);
    void group.submit(3);
    await jest.advanceTimersByTimeAsync(0);
    expect(flushes).toHaveLength(2);
  });

  it('counts the time that an item has waited during a flush', async () => {
    const { group, flushes } = createGroup({ lingerMs: 5 });
    [1, 2].forEach((item) => void group.submit(item));
    await jest.advanceTimersByTimeAsync(0);
    void group.submit(3);
    await jest.advanceTimersByTimeAsync(6);
    flushes[0]!.finish();
    await jest.advanceTimersByTimeAsync(0);
    expect(flushes).toHaveLength(2);
  });

  it('stops waiting when somebody drains', async () => {
    const { group, flushes } = await afterLoad([1, 2]);
    void group.submit(3);
    await jest.advanceTimersByTimeAsync(1);
    void group.close();
    await jest.advanceTimersByTimeAsync(0);
    expect(flushes).toHaveLength(2);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('GroupCommit under any load', () => {
  const load = fc.record({
    maxItems: fc.integer({ min: 1, max: 6 }),
    maxBytes: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    maxConcurrentFlushes: fc.integer({ min: 1, max: 3 }),
    minItemsBesideRunning: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
    lingerMs: fc.constantFrom(0, 0, 1),
    // Each inner array is one turn of submits, given by the sizes of the items.
    turns: fc.array(fc.array(fc.nat({ max: 12 }), { maxLength: 8 }), { maxLength: 10 }),
    // For each flush: the turns that it takes, and whether it fails.
    flushes: fc.array(fc.record({ turns: fc.nat({ max: 4 }), fails: fc.boolean() }), { minLength: 1, maxLength: 8 }),
  });

  it('flushes every item exactly once, within all bounds, and answers each caller with its own result', async () => {
    await fc.assert(
      fc.asyncProperty(load, async ({ turns, flushes, ...bounds }) => {
        const batches: { id: number; size: number }[][] = [];
        let running = 0;
        const group = new GroupCommit<{ id: number; size: number }, number>({
          ...bounds,
          maxWaiting: 1000,
          sizeOf: (item) => item.size,
          flush: async (items) => {
            const plan = flushes[batches.push(items) % flushes.length]!;
            running++;
            expect(running).toBeLessThanOrEqual(bounds.maxConcurrentFlushes);
            expect(group.running).toBeGreaterThanOrEqual(running);
            expect(group.running).toBeLessThanOrEqual(bounds.maxConcurrentFlushes);
            for (let turn = 0; turn < plan.turns; turn++) {
              await nextTurn();
            }
            running--;
            if (plan.fails) {
              throw new Error(items.map((item) => item.id).join());
            }
            return items.map((item) => item.id);
          },
        });

        const outcomes: Promise<PromiseSettledResult<number>[]>[] = [];
        let count = 0;
        for (const sizes of turns) {
          outcomes.push(Promise.allSettled(sizes.map((size) => group.submit({ id: count++, size }))));
          await nextTurn();
        }
        await group.close();
        expect([group.waiting, group.running]).toEqual([0, 0]);

        // Items are taken in order, so the batches put together are the items in order: none twice, none missing.
        expect(batches.flat().map((item) => item.id)).toEqual(Array.from({ length: count }, (_, id) => id));
        for (const batch of batches) {
          const bytes = batch.reduce((sum, item) => sum + item.size, 0);
          expect(batch.length).toBeGreaterThanOrEqual(1);
          expect(batch.length).toBeLessThanOrEqual(bounds.maxItems);
          expect(batch.length === 1 || bytes <= (bounds.maxBytes ?? Infinity)).toBe(true);
        }

        const settled = (await Promise.all(outcomes)).flat();
        settled.forEach((outcome, id) => {
          const index = batches.findIndex((batch) => batch.some((item) => item.id === id));
          const { fails } = flushes[(index + 1) % flushes.length]!;
          const ids = batches[index]!.map((item) => item.id).join();
          expect(outcome).toEqual(
            fails ? { status: 'rejected', reason: new Error(ids) } : { status: 'fulfilled', value: id },
          );
        });
      }),
      { numRuns: 200 },
    );
  });
});
