import { OutageGuard } from './outage-guard';

describe('OutageGuard', () => {
  let nowMs = 0;
  let isAway = false;
  let worked: number[] = [];
  let guard: OutageGuard;

  const ask = async (): Promise<void> => {
    if (isAway) {
      throw new Error('the database is away');
    }
  };
  const work = async (): Promise<number> => {
    await ask();
    return worked.push(nowMs);
  };

  beforeEach(() => {
    nowMs = 1_000;
    isAway = false;
    worked = [];
    guard = new OutageGuard(ask, { now: () => nowMs });
  });

  it('lets work through and returns what it does', async () => {
    expect(await guard.run(work)).toBe(1);
    expect(await guard.run(work)).toBe(2);
  });

  it('waits after an outage, counted from when the database is back', async () => {
    isAway = true;
    await expect(guard.run(work)).rejects.toThrow('the database is away');
    nowMs += 60_000;
    await expect(guard.run(work)).rejects.toThrow('the database is away');
    isAway = false;
    nowMs += 60_000;
    expect(await guard.run(work)).toBeUndefined();
    nowMs += 2_499;
    expect(await guard.run(work)).toBeUndefined();
    nowMs += 1;
    expect(await guard.run(work)).toBe(1);
    expect(worked).toEqual([nowMs]);
  });
});
