import { WindowStorage } from './window-storage';

describe('WindowStorage', () => {
  let storage: WindowStorage;

  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000 });
    storage = new WindowStorage();
  });

  afterEach(() => jest.useRealTimers());

  const hit = (key = 'a', limit = 2): ReturnType<WindowStorage['increment']> => storage.increment(key, 1_000, limit);

  it('lets as many through as the limit says, and no more', async () => {
    expect(await hit()).toMatchObject({ totalHits: 1, isBlocked: false });
    expect(await hit()).toMatchObject({ totalHits: 2, isBlocked: false });
    expect(await hit()).toEqual({ totalHits: 3, isBlocked: true, timeToExpire: 1, timeToBlockExpire: 1 });
  });

  it('starts again with the next window', async () => {
    await hit('a', 1);
    expect((await hit('a', 1)).isBlocked).toBe(true);
    jest.setSystemTime(1_000_999);
    expect((await hit('a', 1)).isBlocked).toBe(true);
    jest.setSystemTime(1_001_000);
    expect(await hit('a', 1)).toMatchObject({ totalHits: 1, isBlocked: false });
  });

  it('counts keys apart', async () => {
    await hit('a', 1);
    expect((await hit('b', 1)).isBlocked).toBe(false);
    expect((await hit('a', 1)).isBlocked).toBe(true);
  });

  it('says in whole seconds when to come again, at least one', async () => {
    expect(await storage.increment('a', 2_500, 1)).toMatchObject({ timeToExpire: 3 });
    jest.setSystemTime(1_002_499);
    expect(await storage.increment('a', 2_500, 1)).toMatchObject({ isBlocked: true, timeToBlockExpire: 1 });
  });

  it('keeps a bounded number of keys and sets no timer', async () => {
    await hit('first', 1);
    for (let n = 0; n < 50_000; n++) {
      await hit(`key-${n}`, 1);
    }

    expect(await hit('first', 1)).toMatchObject({ totalHits: 1 });
    expect(jest.getTimerCount()).toBe(0);
  });
});
