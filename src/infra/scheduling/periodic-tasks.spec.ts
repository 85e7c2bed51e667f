import { type Logger } from '@/infra/observability/logger';
import { type PeriodicTask, PeriodicTasks } from './periodic-tasks';

describe('PeriodicTasks', () => {
  let warnings: object[];
  const log = { warn: (fields: object) => void warnings.push(fields) } as unknown as Logger;

  beforeEach(() => {
    jest.useFakeTimers({ now: 0 });
    warnings = [];
  });

  afterEach(() => jest.useRealTimers());

  const start = (...tasks: PeriodicTask[]): PeriodicTasks => {
    const periodic = new PeriodicTasks(tasks, log);
    periodic.start();
    return periodic;
  };

  it('runs each task at its own interval', async () => {
    const runs: [string, number][] = [];
    const task = (name: string, everyMs: number): PeriodicTask => ({
      name,
      everyMs,
      run: async () => void runs.push([name, Date.now()]),
    });
    start(task('a', 100), task('b', 250));
    await jest.advanceTimersByTimeAsync(510);

    expect(runs.filter(([name]) => name === 'a').map(([, at]) => at)).toEqual([100, 200, 300, 400, 500]);
    expect(runs.filter(([name]) => name === 'b').map(([, at]) => at)).toEqual([250, 500]);
  });

  it('never runs a task twice at once: the interval begins at its end', async () => {
    const startedAt: number[] = [];
    const run = async (): Promise<void> => {
      startedAt.push(Date.now());
      await new Promise((resolve) => setTimeout(resolve, 300));
    };
    start({ name: 'slow', everyMs: 100, run });
    await jest.advanceTimersByTimeAsync(1_000);

    expect(startedAt).toEqual([100, 500, 900]);
  });

  it('logs a task that fails, and runs it again', async () => {
    let runs = 0;
    const run = (): Promise<void> => {
      runs++;
      return Promise.reject(new Error('away'));
    };
    start({ name: 'failing', everyMs: 100, run });
    await jest.advanceTimersByTimeAsync(250);

    expect(runs).toBe(2);
    expect(warnings).toMatchObject([{ task: 'failing' }, { task: 'failing' }]);
  });

  it('waits at the end for what runs, and starts nothing more', async () => {
    let runs = 0;
    let finish = (): void => undefined;
    const run = (): Promise<void> => {
      runs++;
      return new Promise((resolve) => (finish = resolve));
    };
    const periodic = start({ name: 'slow', everyMs: 100, run });
    await jest.advanceTimersByTimeAsync(100);
    let isStopped = false;
    const stopped = periodic.beforeApplicationShutdown().then(() => (isStopped = true));
    await jest.advanceTimersByTimeAsync(1_000);
    expect(isStopped).toBe(false);

    finish();
    await stopped;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(runs).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });
});
