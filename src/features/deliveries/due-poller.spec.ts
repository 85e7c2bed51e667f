import { SystemClock } from '@/common/clock';
import { type Logger } from '@/infra/observability/logger';
import { type DueDeliveries } from './due-deliveries';
import { DuePoller } from './due-poller';
import { DueSignal } from './due-signal';

/** Looks that end when the test says so. */
class ScriptedDue {
  readonly lookedAtMs: number[] = [];
  readonly unfinished: { resolve: (hasMore: boolean) => void; reject: (error: Error) => void }[] = [];
  isInstant = true;

  work(): Promise<boolean> {
    this.lookedAtMs.push(Date.now());
    return this.isInstant
      ? Promise.resolve(false)
      : new Promise((resolve, reject) => this.unfinished.push({ resolve, reject }));
  }
}

describe('DuePoller', () => {
  let due: ScriptedDue;
  let signal: DueSignal;
  let poller: DuePoller;
  let warnings: number;

  beforeEach(() => {
    jest.useFakeTimers({ now: 0 });
    due = new ScriptedDue();
    signal = new DueSignal();
    warnings = 0;
    const log = { warn: () => (warnings += 1) } as unknown as Logger;
    poller = new DuePoller(due as unknown as DueDeliveries, signal, new SystemClock(), log);
    poller.start();
  });

  afterEach(async () => {
    due.unfinished.forEach(({ resolve }) => resolve(false));
    await poller.stop();
    jest.useRealTimers();
  });

  it('looks at once, and then every second', async () => {
    await jest.advanceTimersByTimeAsync(2_100);

    expect(due.lookedAtMs).toEqual([10, 1_010, 2_010]);
  });

  it('looks when it is told that something is due, in whatever order it is told', async () => {
    await jest.advanceTimersByTimeAsync(20);
    signal.notify(700);
    signal.notify(300);
    signal.notify(500);
    await jest.advanceTimersByTimeAsync(1_000);

    expect(due.lookedAtMs[1]).toBe(300);
  });

  it('looks again at once while there is more', async () => {
    due.isInstant = false;
    await jest.advanceTimersByTimeAsync(10);
    due.unfinished[0]?.resolve(true);
    await jest.advanceTimersByTimeAsync(0);

    expect(due.lookedAtMs).toEqual([10, 10]);
  });

  it('does not forget what it is told while a look waits for the one before', async () => {
    due.isInstant = false;
    await jest.advanceTimersByTimeAsync(10);
    signal.notify(50);
    await jest.advanceTimersByTimeAsync(90);
    signal.notify(400);
    due.isInstant = true;
    due.unfinished[0]?.resolve(false);
    await jest.advanceTimersByTimeAsync(400);

    expect(due.lookedAtMs).toEqual([10, 100, 400]);
  });

  it('goes on after a look that failed', async () => {
    due.isInstant = false;
    await jest.advanceTimersByTimeAsync(10);
    due.unfinished[0]?.reject(new Error('the database is away'));
    await jest.advanceTimersByTimeAsync(1_000);

    expect(warnings).toBe(1);
    expect(due.lookedAtMs).toEqual([10, 1_010]);
  });

  it('sets no timer further ahead than timers go', async () => {
    due.isInstant = false;
    await jest.advanceTimersByTimeAsync(10);
    signal.notify(40 * 24 * 3600 * 1000);
    await jest.advanceTimersByTimeAsync(500);

    expect(due.lookedAtMs).toEqual([10]);
    expect(jest.getTimerCount()).toBe(1);
  });

  it('looks no more once it is stopped, and waits for the look under way', async () => {
    due.isInstant = false;
    await jest.advanceTimersByTimeAsync(10);
    let isStopped = false;
    const stopped = poller.stop().then(() => (isStopped = true));
    await jest.advanceTimersByTimeAsync(100);
    expect(isStopped).toBe(false);

    due.unfinished[0]?.resolve(true);
    await stopped;
    signal.notify(0);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(due.lookedAtMs).toEqual([10]);
  });
});
