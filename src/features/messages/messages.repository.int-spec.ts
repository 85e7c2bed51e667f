import { randomBytes } from 'node:crypto';
import { newId } from '@libs/sortable-id/sortable-id';
import { DataSource } from 'typeorm';
import { SystemClock } from '@/common/clock';
import { loadConfig } from '@/infra/config/config';
import { dataSourceOptions } from '@/infra/database/data-source-options';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database';
import { Message } from './message.entity';
import { MessagesRepository } from './messages.repository';
import { type NewMessage } from './messages.types';

const DAY_MS = 24 * 3600 * 1000;

describe('MessagesRepository', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let repository: MessagesRepository;
  let appId: string;
  let keys = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    const options = { ...dataSourceOptions(database.url, 8), entities: [Message] };
    dataSource = await new DataSource(options).initialize();
    repository = new MessagesRepository(dataSource.getRepository(Message), new SystemClock(), loadConfig({}));
  }, 60_000);

  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  beforeEach(() => {
    appId = newId('app', Date.now());
  });

  const newKey = (): string => (keys += 1).toString(16).padStart(32, '0');
  const newDispatchId = (): string => newId('dsp', Date.now());

  function message(fields: Partial<NewMessage> = {}): NewMessage {
    return {
      id: newId('msg', Date.now()),
      appId,
      eventType: 'a',
      eventId: null,
      channels: null,
      tags: null,
      payload: Buffer.from('{}'),
      isJsonObject: true,
      payloadExpiresAtMs: Date.now() + DAY_MS,
      deliverAtMs: null,
      keyHash: null,
      ...fields,
    };
  }

  const stored = async (messages: NewMessage[]): Promise<string[]> => {
    const found = await repository.findMany(
      messages.map((item) => item.appId),
      messages.map((item) => item.id),
    );
    return messages.map(({ id }) => id).filter((id) => found.some((item) => item.id === id));
  };

  it('stores what it is given, column by column', async () => {
    const messages = [
      message(),
      message({ eventId: 'event-1', channels: ['a', 'b'], tags: ['t'], payload: Buffer.from('{"é": 1}') }),
      message({ payload: Buffer.of(0, 255, 44, 59), isJsonObject: false, tags: ['x', 'y', 'z'] }),
      message({ payload: Buffer.of(), deliverAtMs: 1_800_000_000_123, keyHash: newKey() }),
      message({ payloadExpiresAtMs: Date.now() - 1 }),
    ];

    expect(await repository.insertBatch(newDispatchId(), messages)).toEqual([true, true, true, true, true]);
    const found = await Promise.all(messages.map(({ id }) => repository.findById(appId, id)));
    expect(found).toEqual(
      messages.map((item, n) => ({
        id: item.id,
        appId,
        eventType: 'a',
        eventId: item.eventId,
        channels: item.channels,
        tags: item.tags,
        payload: n === 4 ? null : item.payload,
        isJsonObject: item.isJsonObject,
        deliverAt: item.deliverAtMs === null ? null : new Date(item.deliverAtMs),
      })),
    );
    expect((await repository.findByEventId(appId, 'event-1'))?.id).toBe(messages[1]?.id);
    expect(await repository.findByEventId(newId('app', Date.now()), 'event-1')).toBeUndefined();
  });

  it('writes the dispatch row of the batch with just those that were stored', async () => {
    const dispatchId = newDispatchId();
    const first = message({ eventId: 'taken' });
    await repository.insertBatch(newDispatchId(), [first]);
    const batch = [message(), message({ eventId: 'taken' }), message({ appId: newId('app', Date.now()) })];

    expect(await repository.insertBatch(dispatchId, batch)).toEqual([true, false, true]);
    const [row] = await dataSource.query<unknown[]>('SELECT app_ids, message_ids FROM dispatch WHERE id = $1', [
      dispatchId,
    ]);
    expect(row).toEqual({
      app_ids: [batch[0]?.appId, batch[2]?.appId],
      message_ids: [batch[0]?.id, batch[2]?.id],
    });
  });

  it.each([true, false])('says in the dispatch row whether anybody may begin it: %s', async (isFree) => {
    const dispatchId = newDispatchId();
    await repository.insertBatch(dispatchId, [message()], isFree);
    const rows = await dataSource.query<unknown[]>(
      'SELECT claimed_until < now() AS "isFree" FROM dispatch WHERE id = $1',
      [dispatchId],
    );

    expect(rows).toEqual([{ isFree: isFree || null }]);
  });

  it('writes no dispatch row when nothing was stored', async () => {
    const dispatchId = newDispatchId();
    await repository.insertBatch(newDispatchId(), [message({ eventId: 'taken' })]);

    expect(await repository.insertBatch(dispatchId, [message({ eventId: 'taken' })])).toEqual([false]);
    expect(await dataSource.query('SELECT 1 FROM dispatch WHERE id = $1', [dispatchId])).toEqual([]);
  });

  it('takes one of two with the same event id or key, in one batch and over batches, and all others', async () => {
    const [key, otherKey] = [newKey(), newKey()];
    const elsewhere = newId('app', Date.now());
    const batch = [
      message({ eventId: 'e1' }),
      message({ eventId: 'e1' }),
      message({ eventId: 'e1', appId: elsewhere }),
      message({ keyHash: key }),
      message({ keyHash: key }),
      message({ keyHash: otherKey, eventId: 'e2' }),
      message(),
    ];
    const isStored = await repository.insertBatch(newDispatchId(), batch);

    expect([isStored[0], isStored[1]].sort()).toEqual([false, true]);
    expect([isStored[3], isStored[4]].sort()).toEqual([false, true]);
    expect([isStored[2], isStored[5], isStored[6]]).toEqual([true, true, true]);
    expect(await stored(batch)).toEqual(batch.filter((_, n) => isStored[n]).map(({ id }) => id));
    const winner = batch[isStored[3] === true ? 3 : 4];
    expect(await repository.findIdByKey(key)).toBe(winner?.id);

    const again = [message({ eventId: 'e2' }), message({ keyHash: otherKey }), message({ eventId: 'e3' })];
    expect(await repository.insertBatch(newDispatchId(), again)).toEqual([false, false, true]);
  });

  it.each([
    ['event ids', true, false],
    ['keys', false, true],
    ['both', true, true],
  ])('takes one of each when batches with the same %s meet in any order', async (_, hasEventIds, hasKeys) => {
    for (let round = 0; round < 5; round++) {
      const hashes = Array.from({ length: 200 }, () => newKey());
      const batchOf = (order: number[]): NewMessage[] =>
        order.map((n) =>
          message({ eventId: hasEventIds ? `${round}-${n}` : null, keyHash: hasKeys ? (hashes[n] ?? null) : null }),
        );
      const upwards = Array.from({ length: 200 }, (_, n) => n);
      const batches = [
        batchOf(upwards),
        batchOf([...upwards].reverse()),
        batchOf(upwards),
        batchOf([...upwards].reverse()),
      ];

      const results = await Promise.all(batches.map((batch) => repository.insertBatch(newDispatchId(), batch)));
      expect(results.flat().filter(Boolean)).toHaveLength(200);
    }
  });

  it('forgets no key at the turn of a period', async () => {
    const key = newKey();
    const clock = { nowMs: 1_000 * 12 * 3600 * 1000 - 1, now: () => clock.nowMs };
    const timed = new MessagesRepository(dataSource.getRepository(Message), clock, loadConfig({}));
    const first = message({ keyHash: key });

    expect(await timed.insertBatch(newDispatchId(), [first])).toEqual([true]);
    clock.nowMs += 1;
    expect(await timed.findIdByKey(key)).toBe(first.id);
    expect(await timed.insertBatch(newDispatchId(), [message({ keyHash: key })])).toEqual([false]);
    clock.nowMs += 2 * 12 * 3600 * 1000;
    expect(await timed.findIdByKey(key)).toBeUndefined();
    expect(await timed.insertBatch(newDispatchId(), [message({ keyHash: key })])).toEqual([true]);
  });

  it('stores a batch of 500 large and small payloads in order', async () => {
    const batch = Array.from({ length: 500 }, (_, n) => message({ payload: Buffer.alloc(n * 20, n % 256) }));

    expect(await repository.insertBatch(newDispatchId(), batch)).toEqual(Array<boolean>(500).fill(true));
    const found = new Map(
      (
        await repository.findMany(
          batch.map(() => appId),
          batch.map(({ id }) => id),
        )
      ).map((m) => [m.id, m]),
    );
    expect(batch.every(({ id, payload }) => found.get(id)?.payload?.equals(payload))).toBe(true);
  });

  describe('with a bound on the content', () => {
    let stored: NewMessage[];
    const readWithin = (maxBytes: number): Promise<unknown[][]> =>
      repository
        .findWithin(
          stored.map(() => appId),
          stored.map(({ id }) => id),
          maxBytes,
        )
        .then((found) =>
          found
            .sort((a, b) => (a.id < b.id ? -1 : 1))
            .map(({ payload, isLeftOut }) => [payload?.length ?? null, isLeftOut]),
        );

    beforeEach(async () => {
      stored = [300, 100, 100, 5_000].map((bytes, n) =>
        message({ payload: randomBytes(bytes), id: newId('msg', Date.now() + n) }),
      );
      await repository.insertBatch(newDispatchId(), stored);
    });

    it('reads messages until it is reached, the first one in any case', async () => {
      const left = [null, true];

      expect(await readWithin(1)).toEqual([[300, false], left, left, left]);
      expect(await readWithin(300)).toEqual([[300, false], left, left, left]);
      expect(await readWithin(301)).toEqual([[300, false], [100, false], left, left]);
      expect(await readWithin(501)).toEqual([
        [300, false],
        [100, false],
        [100, false],
        [5_000, false],
      ]);
    });

    it('tells content that is gone from content that was left out', async () => {
      await dataSource.query('UPDATE message SET payload = NULL WHERE id = $1', [stored[0]?.id]);
      await dataSource.query('UPDATE message SET payload_expires_at = now() WHERE id = $1', [stored[1]?.id]);

      expect(await readWithin(100)).toEqual([
        [null, false],
        [null, false],
        [null, true],
        [null, true],
      ]);
      expect(await repository.findWithin([], [], 1)).toEqual([]);
    });
  });

  it('finds nothing for no ids, and leaves out what is not there', async () => {
    const known = message();
    await repository.insertBatch(newDispatchId(), [known]);

    expect(await repository.findMany([], [])).toEqual([]);
    const found = await repository.findMany([appId, appId, 'app_x'], [known.id, newId('msg', Date.now()), known.id]);
    expect(found.map(({ id }) => id)).toEqual([known.id]);
  });
});
