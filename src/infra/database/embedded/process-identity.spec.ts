import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { commandLineOf, findProcess, isAlive } from './process-identity';

describe('process identity', () => {
  let child: ChildProcess & { pid: number };

  beforeEach(async () => {
    child = spawn('sleep', ['61'], { stdio: 'ignore' }) as typeof child;
    await once(child, 'spawn');
  });

  afterEach(() => {
    child.kill('SIGKILL');
  });

  it('stays the same while the process lives and ends with it', async () => {
    const identity = await findProcess(child.pid);
    expect(identity).toEqual({ pid: child.pid, startedAt: expect.stringMatching(/.+/) });
    expect(await isAlive(identity!)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await isAlive(identity!)).toBe(false);
    expect(await findProcess(child.pid)).toBeUndefined();
  });

  it('tells two processes apart that had the same pid', async () => {
    expect(await isAlive({ pid: child.pid, startedAt: (await findProcess(process.pid))!.startedAt })).toBe(false);
  });

  it('takes a zombie for dead', async () => {
    // The shell becomes a program that never waits for its child, so the child stays a zombie when it ends.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 61'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [output] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(output.toString());
    for (let tries = 0; tries < 200 && (await findProcess(pid)) !== undefined; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await findProcess(pid)).toBeUndefined();
    expect(() => process.kill(pid, 0)).not.toThrow();
    parent.kill('SIGKILL');
  });

  it('reads the command line, and nothing of what is not there', async () => {
    expect(await commandLineOf(child.pid)).toBe('sleep 61');
    expect(await commandLineOf(999_999_999)).toBe('');
    expect(await findProcess(999_999_999)).toBeUndefined();
    expect(await findProcess(Number.NaN)).toBeUndefined();
    expect(await findProcess(-1)).toBeUndefined();
  });
});
