import { newId } from '@libs/sortable-id/sortable-id';
import { DataSource } from 'typeorm';
import { type DeliveryEndpoint } from '@/features/endpoints/endpoints.types';
import { dataSourceOptions } from '@/infra/database/data-source-options';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database';
import { type AttemptRow, DeliveriesRepository } from './deliveries.repository';
import { PendingChanges } from './pending-changes';

describe('DeliveriesRepository', () => {
  let database: TestDatabase;
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await new DataSource(dataSourceOptions(database.url, 2)).initialize();
  }, 60_000);

  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  it('changes nothing when it records again what was committed, though its answer got lost', async () => {
    const repository = new DeliveriesRepository(dataSource);
    const nowMs = Date.now();
    const [dispatchId, messageId, endpointId] = [newId('dsp', nowMs), newId('msg', nowMs), newId('ep', nowMs)];
    await dataSource.query('INSERT INTO dispatch (id, app_ids, message_ids) VALUES ($1, $2, $3)', [
      dispatchId,
      ['app_1'],
      [messageId],
    ]);
    const attempt = failedAttempt(messageId, endpointId);
    const record = (isRepeated: boolean): Promise<void> => {
      const pending = new PendingChanges();
      const row = { messageId, endpointId, isManual: false, appId: 'app_1', attemptNumber: 1, claim: null };
      pending.insert({ ...row, dueAtMs: 1_000, dispatchId });
      return repository.record([attempt], pending, [dispatchId], isRepeated);
    };
    await record(false);
    const before = await state();

    await record(true);

    expect(await state()).toEqual(before);
    expect(before).toEqual({ attempts: 1, pending: 1, dispatches: 0 });
  });

  describe('with dispatch rows', () => {
    const repository = (): DeliveriesRepository => new DeliveriesRepository(dataSource);
    const LEASE_MS = 60_000;
    let ids: string[];

    beforeEach(async () => {
      await dataSource.query('DELETE FROM dispatch');
      ids = [1, 2, 3].map((n) => newId('dsp', Date.now() + n));
      for (const id of ids) {
        const row = [id, ['app_1'], [`msg of ${id}`]];
        await dataSource.query('INSERT INTO dispatch (id, app_ids, message_ids) VALUES ($1, $2, $3)', row);
      }
    });

    it("lists those that are the queue's and old enough, oldest first", async () => {
      await repository().claimDispatches([ids[1] ?? ''], LEASE_MS);

      expect(await repository().listStrandedDispatches(Date.now() + 1_000, 10)).toEqual([ids[0], ids[2]]);
      expect(await repository().listStrandedDispatches(Date.now() + 1_000, 1)).toEqual([ids[0]]);
      expect(await repository().listStrandedDispatches(Date.now() - 60_000, 10)).toEqual([]);
    });

    it('gives each to one claimant, and those that are gone to nobody', async () => {
      const claims = await Promise.all([
        repository().claimDispatches([...ids, newId('dsp', Date.now())], LEASE_MS),
        repository().claimDispatches(ids, LEASE_MS),
      ]);

      expect(
        claims
          .flat()
          .map(({ id }) => id)
          .sort(),
      ).toEqual(ids);
      expect(claims.flat()[0]).toMatchObject({ appIds: ['app_1'], messageIds: [`msg of ${claims.flat()[0]?.id}`] });
      expect(await repository().claimDispatches(ids, LEASE_MS)).toEqual([]);
    });

    it('keeps those of the queue from all others until they are freed', async () => {
      expect(await repository().claimFreeDispatches(10, LEASE_MS)).toEqual([]);
      await repository().freeDispatches(ids.slice(0, 2));
      const first = await repository().claimFreeDispatches(1, LEASE_MS);
      const rest = await repository().claimFreeDispatches(10, LEASE_MS);

      expect([...first, ...rest].map(({ id }) => id)).toEqual(ids.slice(0, 2));
      expect(await repository().claimFreeDispatches(10, LEASE_MS)).toEqual([]);
    });

    it('frees none that somebody has claimed', async () => {
      await repository().claimDispatches(ids, LEASE_MS);
      await repository().freeDispatches(ids);

      expect(await repository().claimFreeDispatches(10, LEASE_MS)).toEqual([]);
    });

    it('gives those whose lease has ended to the next one', async () => {
      await repository().claimDispatches(ids, -1);

      expect(await repository().claimFreeDispatches(10, LEASE_MS)).toHaveLength(3);
    });
  });

  async function state(): Promise<Record<string, number>> {
    const rows = await dataSource.query<Record<string, number>[]>(
      `SELECT (SELECT count(*)::int FROM attempt) AS attempts, (SELECT count(*)::int FROM pending_delivery) AS pending,
         (SELECT count(*)::int FROM dispatch) AS dispatches`,
    );
    return rows[0] ?? {};
  }
});

function failedAttempt(messageId: string, endpointId: string): AttemptRow {
  return {
    delivery: {
      message: {
        id: messageId,
        appId: 'app_1',
        eventType: 'a',
        channels: null,
        payload: Buffer.of(),
        deliverAtMs: null,
      },
      endpoint: { id: endpointId, url: 'https://example.com/hook' } as DeliveryEndpoint,
      attemptNumber: 0,
      isManual: false,
    },
    outcome: {
      id: newId('atmpt', Date.now()),
      isSuccess: false,
      statusCode: 500,
      response: Buffer.from('no'),
      durationMs: 5,
      label: 'http_error',
      finishedAtMs: Date.now(),
    },
    isFinal: false,
  };
}
