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
  };
}
