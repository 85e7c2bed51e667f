import { setTimeout as sleep } from 'node:timers/promises';
import { reportCase } from './report';
import { IS_SHORT } from './short';
import { Workload } from './workload';
import { findPostgres } from '../support/data-dir';
import { eventually } from '../support/eventually';

const ROUNDS = IS_SHORT ? 2 : 4;
const RUN_MS = 1_000;
/** A slow answer takes 300 ms, and the last outcomes have to be written. */
const STOPPED_WITHIN_MS = 5_000;

describe.each(['SIGTERM', 'SIGINT'] as const)('stopping an embedded Posthorn by %s under load', (signal) => {
  const stopsMs: number[] = [];
  let load: Workload;

  beforeAll(async () => {
    load = await Workload.start(['/quick-d']);
    load.sender.start();
    for (let round = 1; round <= ROUNDS; round++) {
      load.sender.moveTo(load.server.url);
      await sleep(RUN_MS);
      await stopOnce();
      await load.restart();
    }
    await load.stopPosting();
    await eventually(() => expect(load.undelivered().slice(0, 10)).toEqual([]), 30_000, 100);
  }, 120_000);

  afterAll(() => load?.close(), 60_000);

  it('ends in time', () => {
    expect(stopsMs.filter((ms) => ms > STOPPED_WITHIN_MS)).toEqual([]);
  });

  it('delivers every message once, and none twice', async () => {
    await reportCase(load.summary(`${signal} under load`, { stops: ROUNDS, stopsMs }));

    expect(load.sender.acked.length).toBeGreaterThan(ROUNDS * 20);
    expect(load.log.repetitions()).toEqual([]);
  });

  it('records one success for each delivery, and no failure', async () => {
    await eventually(async () => expect((await load.wronglyRecorded()).slice(0, 10)).toEqual([]), 20_000, 500);

    expect((await load.recorded()).others).toEqual([]);
  }, 30_000);

  it('gives one message to a post that was cut off and repeated', () => {
    const doubled = load.sender.messages.filter((message) => load.log.idsOf(message.sequence).length > 1);

    expect(doubled).toEqual([]);
  });

  /** Clients go on posting until the server is gone. */
  async function stopOnce(): Promise<void> {
    const postgres = await findPostgres(load.dataDir);
    const askedAt = Date.now();
    load.server.kill(signal);
    const exit = await load.server.waitExit();
    load.sender.moveTo(undefined);
    stopsMs.push(Date.now() - askedAt);

    expect(exit).toEqual({ code: 0, signal: null });
    expect(load.server.stderr).toEqual([]);
    // Its parent is gone, and somebody else has yet to bury it.
    await eventually(() => expect(() => process.kill(postgres?.pid ?? 0, 0)).toThrow('ESRCH'));
    expect(await findPostgres(load.dataDir)).toBeUndefined();
  }
});
