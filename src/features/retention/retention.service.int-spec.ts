import { type NewMessage } from '@/features/messages/messages.types';
import { withConfig } from '@/infra/config/config';
import { DAY_MS } from '@/infra/database/partitions';
import { createTestDatabase } from '../../../test/support/test-database';
import { DEFAULTS, makeScheduler, MessageFactory, RetentionScene } from './retention.fixture';

jest.setTimeout(30_000);

describe('RetentionService', () => {
  let scene: RetentionScene;

  beforeEach(async () => {
    scene = await RetentionScene.start(await createTestDatabase());
  }, 60_000);

  afterEach(() => scene.stop());

  describe('old rows', () => {
    const withEventIds = (count: number, acceptedAtMs: number, prefix: string): NewMessage[] =>
      Array.from({ length: count }, (_, n) => scene.messages.make(acceptedAtMs, { eventId: `${prefix}-${n}` }));

    it('are the eventIds of messages that are gone, all of them, and no others', async () => {
      await scene.makePartitions(-3);
      const kept = withEventIds(3, scene.noonOf(0), 'kept');
      for (const batch of [
        withEventIds(3_000, scene.noonOf(-2), 'a'),
        withEventIds(2_000, scene.noonOf(-1), 'b'),
        kept,
      ]) {
        await scene.messages.settle(await scene.messages.accept(batch));
      }
      await scene.scheduler.retention.removeOldRows();
      expect(await scene.idsOf('message_event_id', 'message_id')).toHaveLength(5_003); // their messages are still there

      await scene.scheduler.retention.dropOldPartitions();
      const others = [scene.scheduler, makeScheduler(scene.dataSource), makeScheduler(scene.dataSource)];
      await Promise.all(others.map(({ retention }) => retention.removeOldRows()));
      await scene.scheduler.retention.removeOldRows(); // the first that finds nothing left ends, while another may be at it

      expect(await scene.idsOf('message_event_id', 'message_id')).toEqual(kept.map(({ id }) => id).sort());
      const removed = await Promise.all(others.map((each) => each.removed()));
      expect(removed.reduce((sum, each) => sum + (each['event_id'] ?? 0), 0)).toBe(5_000);
    });

    it('are those of the default partitions, where there is no other', async () => {
      const [old, recent] = [scene.messages.make(scene.noonOf(-1)), scene.messages.make(Date.now())];
      await scene.messages.deliver([old], scene.noonOf(-1));
      await scene.messages.deliver([recent], Date.now());
      const [kept] = [scene.messages.make(scene.noonOf(0))];
      await scene.messages.deliver([kept], scene.noonOf(0));
      expect(await scene.idsOf('message_default')).toEqual([old.id, kept.id]);

      await scene.scheduler.retention.removeOldRows();

      expect(await scene.idsOf('message')).toEqual([kept.id, recent.id].sort());
      expect((await scene.idsOf('attempt', 'message_id')).sort()).toEqual([kept.id, recent.id].sort());
      expect(await scene.scheduler.removed()).toEqual({ message: 1, attempt: 1 });
    });

    it('stay while an old delivery is not finished: a clock that is far behind loses nothing', async () => {
      const message = scene.messages.make(Date.parse('2016-01-01T00:00:00Z'), { eventId: 'event' });
      const dispatchId = await scene.messages.accept([message], Date.parse('2016-01-01T00:00:01Z'));

      await scene.scheduler.retention.removeOldRows();
      expect(await scene.idsOf('message')).toEqual([message.id]);
      await scene.messages.addPending(message.id);
      await scene.messages.settle(dispatchId);
      await scene.scheduler.retention.removeOldRows();
      expect(await scene.idsOf('message')).toEqual([message.id]);
      expect(await scene.idsOf('message_event_id', 'message_id')).toEqual([message.id]);

      await scene.dataSource.query('DELETE FROM pending_delivery');
      await scene.scheduler.retention.removeOldRows();
      expect(await scene.idsOf('message')).toEqual([]);
      expect(await scene.idsOf('message_event_id', 'message_id')).toEqual([]);
    });

    it('are found again on the next day, wherever deleting has come to', async () => {
      const clock = { nowMs: Date.now(), now: () => clock.nowMs };
      const timed = makeScheduler(scene.dataSource, { clock });
      const [younger, older] = [scene.messages.make(scene.noonOf(-2)), scene.messages.make(scene.noonOf(-3))];
      await scene.messages.deliver([younger], scene.noonOf(-2));
      await timed.retention.removeOldRows();
      expect(await timed.removed()).toEqual({ message: 1, attempt: 1 });

      await scene.messages.deliver([older], scene.noonOf(-3));
      clock.nowMs += DAY_MS;
      await timed.retention.removeOldRows();
      expect(await scene.idsOf('message')).toEqual([]);
    });
  });

  describe('expired payloads', () => {
    const expired = (count: number): NewMessage[] =>
      Array.from({ length: count }, () => scene.messages.make(Date.now(), { payloadExpiresAtMs: Date.now() - 1_000 }));
    const payloads = async (): Promise<number> => {
      const [row] = await scene.dataSource.query<{ count: number }[]>(
        'SELECT count(payload)::int AS count FROM message',
      );
      return row?.count ?? 0;
    };

    it('are removed, the messages are not', async () => {
      const [gone, soon, late] = [
        scene.messages.make(Date.now(), { payloadExpiresAtMs: Date.now() - 1_000 }),
        scene.messages.make(Date.now(), { payloadExpiresAtMs: Date.now() + 3_600_000 }),
        scene.messages.make(Date.now()),
      ];
      await scene.messages.accept([gone, soon, late]);
      expect(await scene.idsOf('payload_expiry', 'message_id')).toEqual([gone.id, soon.id].sort());

      await scene.scheduler.retention.removeExpiredPayloads();

      const rows = await scene.dataSource.query<{ id: string }[]>('SELECT id FROM message WHERE payload IS NULL');
      expect(rows).toEqual([{ id: gone.id }]);
      expect(await scene.idsOf('message')).toHaveLength(3);
      expect(await scene.idsOf('payload_expiry', 'message_id')).toEqual([soon.id]);
      expect(await scene.scheduler.removed()).toEqual({ payload: 1 });
    });

    it('need nothing but the end of their message when that comes no later', async () => {
      const config = withConfig(DEFAULTS, { messageRetentionDays: 7 });
      const week = new MessageFactory(scene.dataSource, config);
      const six = week.make(Date.now(), { payloadExpiresAtMs: Date.now() + 6 * DAY_MS });
      await week.accept([week.make(Date.now(), { payloadExpiresAtMs: Date.now() + 7 * DAY_MS }), six]);
      expect(await scene.idsOf('payload_expiry', 'message_id')).toEqual([six.id]);

      const year = new MessageFactory(scene.dataSource, withConfig(DEFAULTS, { messageRetentionDays: 365 }));
      const ninety = year.make(Date.now());
      await year.accept([ninety]);
      expect(await scene.idsOf('payload_expiry', 'message_id')).toEqual([six.id, ninety.id].sort());
    });

    it('go in batches, over several runs when there are too many for one, by any number of schedulers', async () => {
      const clock = { nowMs: Date.now(), now: () => (clock.nowMs += 2_000) };
      await scene.messages.accept(expired(2_200));
      const slow = makeScheduler(scene.dataSource, { clock });
      await slow.retention.removeExpiredPayloads();
      expect(await payloads()).toBe(1_700); // there was time for one batch

      const others = [makeScheduler(scene.dataSource), makeScheduler(scene.dataSource)];
      await Promise.all(others.map(({ retention }) => retention.removeExpiredPayloads()));
      await slow.retention.removeExpiredPayloads();
      expect(await payloads()).toBe(0);
      const removed = await Promise.all([slow, ...others].map((each) => each.removed()));
      expect(removed.reduce((sum, each) => sum + (each['payload'] ?? 0), 0)).toBe(2_200);
    });

    it('may belong to a message that is gone', async () => {
      const [message] = expired(1);
      await scene.messages.accept(message === undefined ? [] : [message]);
      await scene.dataSource.query('DELETE FROM message');

      await scene.scheduler.retention.removeExpiredPayloads();
      expect(await scene.idsOf('payload_expiry', 'message_id')).toEqual([]);
      expect(await scene.scheduler.removed()).toEqual({});
    });
  });

  it('deletes secrets that expired a while ago', async () => {
    await scene.dataSource.query(`INSERT INTO application (id, org_id, name, created_at, updated_at)
      VALUES ('app_1', 'org_1', '', now(), now())`);
    await scene.dataSource.query(`INSERT INTO endpoint (id, app_id, url, created_at, updated_at)
      VALUES ('ep_1', 'app_1', 'https://example.com/', now(), now())`);
    await scene.dataSource.query(`INSERT INTO endpoint_secret (id, endpoint_id, secret_box, created_at, expires_at)
      VALUES ('sec_current', 'ep_1', '', now(), NULL), ('sec_old', 'ep_1', '', now(), now() - interval '2 hours'),
             ('sec_just', 'ep_1', '', now(), now() - interval '1 minute'), ('sec_still', 'ep_1', '', now(), now() + interval '1 hour')`);

    await Promise.all(
      [scene.scheduler, makeScheduler(scene.dataSource)].map(({ retention }) => retention.removeExpiredSecrets()),
    );

    expect(await scene.idsOf('endpoint_secret')).toEqual(['sec_current', 'sec_just', 'sec_still']);
  });
});
