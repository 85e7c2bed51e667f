import { type DataSource } from 'typeorm';
import { withConfig } from '@/infra/config/config';
import { eventually } from '../../../test/support/eventually';
import { createTestDatabase } from '../../../test/support/test-database';
import { DEFAULTS, makeScheduler, MessageFactory, RETENTION_DAYS, RetentionScene } from './retention.fixture';

jest.setTimeout(30_000);

describe('RetentionService: old partitions', () => {
  let scene: RetentionScene;

  beforeEach(async () => {
    scene = await RetentionScene.start(await createTestDatabase());
  }, 60_000);

  afterEach(() => scene.stop());

  it('go when all of their range is older than the setting, with all that is in them', async () => {
    await scene.makePartitions(-3); // up to and with day 1
    const [old, kept] = [scene.messages.make(scene.noonOf(-1)), scene.messages.make(scene.noonOf(0))];
    await scene.messages.deliver([old], scene.noonOf(-1));
    await scene.messages.deliver([kept], scene.noonOf(0));

    await scene.scheduler.retention.dropOldPartitions();

    expect(await scene.oldDays('message')).toEqual([0, 1]);
    expect(await scene.oldDays('attempt')).toEqual([0, 1]);
    expect(await scene.idsOf('message')).toEqual([kept.id]);
    expect(await scene.idsOf('attempt', 'message_id')).toEqual([kept.id]);
    expect(await scene.scheduler.removed()).toEqual({ message_partition: 3, attempt_partition: 3 });
    expect(await scene.scheduler.gauge('posthorn_retention_overdue_partitions')).toBe(0);
    expect(await scene.scheduler.gauge('posthorn_retention_last_success_timestamp_seconds')).toBeGreaterThan(0);
  });

  it('go by the setting', async () => {
    await scene.makePartitions(10);
    const config = withConfig(DEFAULTS, { messageRetentionDays: RETENTION_DAYS - 12 });

    await makeScheduler(scene.dataSource, { config }).retention.dropOldPartitions();

    expect(await scene.oldDays('message')).toEqual([12, 13, 14]);
  });

  it.each(['dispatch', 'pending delivery'])(
    'stay, with all later ones, while there is a %s of their messages',
    async (kind) => {
      await scene.makePartitions(-4);
      const message = scene.messages.make(scene.noonOf(-2));
      const dispatchId = await scene.messages.accept([message], scene.noonOf(-2));
      if (kind === 'pending delivery') {
        await scene.messages.addPending(message.id);
        await scene.messages.settle(dispatchId);
      }

      await scene.scheduler.retention.dropOldPartitions();
      expect(await scene.oldDays('message')).toEqual([-2, -1, 0]);
      expect(await scene.oldDays('attempt')).toEqual([-2, -1, 0]);
      expect(await scene.idsOf('message')).toEqual([message.id]);
      expect(scene.scheduler.warnings).toHaveLength(1);
      expect(await scene.scheduler.gauge('posthorn_retention_overdue_partitions')).toBe(4);

      await scene.dataSource.query('DELETE FROM pending_delivery');
      await scene.dataSource.query('DELETE FROM dispatch');
      await scene.scheduler.retention.dropOldPartitions();
      expect(await scene.oldDays('message')).toEqual([0]);
      expect(await scene.scheduler.gauge('posthorn_retention_overdue_partitions')).toBe(0);
    },
  );

  it('do not wait for deliveries of younger messages', async () => {
    await scene.makePartitions(-4);
    const message = scene.messages.make(scene.noonOf(0));
    await scene.messages.accept([message], scene.noonOf(0));
    await scene.messages.addPending(message.id);

    await scene.scheduler.retention.dropOldPartitions();
    expect(await scene.oldDays('message')).toEqual([0]);
  });

  it('stay when a message is written to them at the last moment', async () => {
    await scene.makePartitions(-5);
    const message = scene.messages.make(scene.noonOf(-5));
    const writer = scene.dataSource.createQueryRunner();
    await writer.startTransaction();
    await writer.query('LOCK TABLE ONLY message IN ROW EXCLUSIVE MODE');
    const dropping = scene.scheduler.retention.dropOldPartitions();
    await eventually(
      async () => {
        const waiting = await scene.dataSource.query<unknown[]>(
          `SELECT FROM pg_locks WHERE relation = 'message'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted`,
        );
        expect(waiting).toHaveLength(1);
      },
      5_000,
      5,
    );
    await new MessageFactory(writer.manager as unknown as DataSource).accept([message], scene.noonOf(-5));
    await writer.commitTransaction();
    await writer.release();
    await dropping;

    expect(await scene.idsOf('message')).toEqual([message.id]);
    expect(await scene.oldDays('message')).toContain(-5);
  });

  it.each([
    ['reads them', 'SELECT FROM message LIMIT 1'],
    ['reads other days', 'LOCK TABLE ONLY message IN ACCESS SHARE MODE'],
  ])('give way to a long statement that %s, and let others write meanwhile', async (_, statement) => {
    await scene.makePartitions(-5);
    const reader = scene.dataSource.createQueryRunner();
    await reader.startTransaction();
    await reader.query(statement);
    let isOver = false;
    const dropping = scene.scheduler.retention.dropOldPartitions().finally(() => (isOver = true));
    let written = 0;
    while (!isOver) {
      await scene.messages.deliver([scene.messages.make(Date.now())], Date.now());
      written++;
    }
    await dropping;
    expect(written).toBeGreaterThan(10);
    expect(await scene.oldDays('message')).toHaveLength(5);
    expect(scene.scheduler.warnings).toHaveLength(1);

    await reader.rollbackTransaction();
    await reader.release();
    await scene.scheduler.retention.dropOldPartitions();
    expect(await scene.oldDays('message')).toEqual([]);
  });

  it('go once when several schedulers are at it and messages come in', async () => {
    for (const offset of [-25, -20, -15, -10, -5]) {
      await scene.makePartitions(offset);
    }
    const schedulers = [scene.scheduler, makeScheduler(scene.dataSource), makeScheduler(scene.dataSource)];
    let isOver = false;
    const accepted: string[] = [];
    const writing = (async () => {
      while (!isOver) {
        const batch = [scene.messages.make(Date.now()), scene.messages.make(Date.now())];
        await scene.messages.accept(batch);
        accepted.push(...batch.map(({ id }) => id));
      }
    })();
    await Promise.all(schedulers.map(({ retention }) => retention.dropOldPartitions()));
    await scene.scheduler.retention.dropOldPartitions(); // what was busy just then
    isOver = true;
    await writing;

    expect(await scene.oldDays('message')).toEqual([]);
    expect(await scene.oldDays('attempt')).toEqual([]);
    const removed = await Promise.all(schedulers.map((each) => each.removed()));
    const total = removed.flatMap((each) => Object.values(each)).reduce((sum, count) => sum + count, 0);
    expect(total).toBe(2 * 25);
    expect(await scene.idsOf('message')).toEqual(accepted.sort());
  });
});
