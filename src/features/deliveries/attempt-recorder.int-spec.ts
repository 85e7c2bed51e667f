import { newId } from '@libs/sortable-id/sortable-id';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '@/infra/database/data-source-options';
import { type Logger } from '@/infra/observability/logger';
import { Metrics } from '@/infra/observability/metrics';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database';
import { eventually } from '../../../test/support/eventually';
import { AttemptRecorder, type RecordStep } from './attempt-recorder';
import { attemptRow } from './attempt-row.fixture';
import { type AttemptRow, DeliveriesRepository } from './deliveries.repository';
import { type AttemptOutcome } from './deliveries.types';

const APP_ID = newId('app', Date.now());
const ENDPOINT_ID = newId('ep', Date.now());

function attemptOf(messageId: string, outcome: Partial<AttemptOutcome> = {}): AttemptRow {
  return attemptRow({ messageId, appId: APP_ID, endpointId: ENDPOINT_ID }, outcome);
}

describe('AttemptRecorder', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let other: Client;
  let recorder: AttemptRecorder;
  let logged: string[];

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await new DataSource(dataSourceOptions(database.url, 4)).initialize();
    other = new Client({ connectionString: database.url, application_name: 'other' });
    await other.connect();
  }, 60_000);

  afterAll(async () => {
    await other.end();
    await dataSource.destroy();
    await database.drop();
  });

  beforeEach(async () => {
    await other.query('TRUNCATE attempt, pending_delivery, dispatch');
    logged = [];
    const keep = (level: string) => (_fields: object, message: string) => void logged.push(`${level}: ${message}`);
    const log = { warn: keep('warn'), error: keep('error') } as unknown as Logger;
    recorder = new AttemptRecorder(new DeliveriesRepository(dataSource), log, new Metrics());
  });

  const rows = async (sql: string): Promise<Record<string, unknown>[]> =>
    (await other.query<Record<string, unknown>>(sql)).rows;

  async function newDispatch(): Promise<string> {
    const id = newId('dsp', Date.now());
    await other.query('INSERT INTO dispatch (id, app_ids, message_ids) VALUES ($1, $2, $3)', [id, [APP_ID], ['msg_1']]);
    return id;
  }

  function inserts(messageId: string, dispatchId: string, claim: string | null = null): RecordStep['change'] {
    return (pending) =>
      pending.insert({
        messageId,
        endpointId: ENDPOINT_ID,
        isManual: false,
        appId: APP_ID,
        attemptNumber: 1,
        dueAtMs: 1_000,
        claim,
        dispatchId,
      });
  }

  it('writes attempts with any bytes, and resolves once they are committed', async () => {
    const responses = [Buffer.of(), Buffer.of(0, 255, 44, 59, 92), Buffer.from('é,"\\')];
    const messageIds = responses.map(() => newId('msg', Date.now()));
    await Promise.all(
      responses.map((response, n) =>
        recorder.submit({ attempt: attemptOf(messageIds[n] ?? '', { response, statusCode: 500, isSuccess: false }) }),
      ),
    );

    expect(
      await rows('SELECT message_id, response, response_status_code, is_success, url FROM attempt ORDER BY message_id'),
    ).toEqual(
      responses.map((response, n) => ({
        message_id: messageIds[n],
        response,
        response_status_code: 500,
        is_success: false,
        url: 'https://example.com/hook',
      })),
    );
  });

  it('keeps the order of the steps of one row over many commits', async () => {
    const dispatchId = await newDispatch();
    const key = { messageId: 'msg_1', endpointId: ENDPOINT_ID, isManual: false };
    const submitted = [recorder.submit({ change: inserts('msg_1', dispatchId, 'claim-0') })];
    for (let n = 1; n <= 5; n++) {
      // Each in a commit of its own: the next is submitted while the one before runs.
      await new Promise((resolve) => setTimeout(resolve, 2));
      submitted.push(recorder.submit({ attempt: attemptOf(`msg_${n}`) }));
    }
    submitted.push(
      recorder.submit({
        change: (pending) => pending.update({ ...key, claim: 'claim-0', dueAtMs: 7_000, attemptNumber: 2 }),
        finishesDispatch: dispatchId,
      }),
    );
    await Promise.all(submitted);

    expect(await rows('SELECT due_at, attempt_number, claim FROM pending_delivery')).toEqual([
      { due_at: new Date(7_000), attempt_number: 2, claim: null },
    ]);
    expect(await rows('SELECT id FROM dispatch')).toEqual([]);
    await recorder.submit({ change: (pending) => pending.delete({ ...key, claim: 'claim-0' }) });
    expect(await rows('SELECT 1 FROM pending_delivery')).toHaveLength(1);
  });

  it('adds pending rows only while their dispatch row exists', async () => {
    await recorder.submit({ change: inserts('msg_1', newId('dsp', Date.now())) });

    expect(await rows('SELECT 1 FROM pending_delivery')).toEqual([]);
  });

  it('keeps outcomes while the connection is cut, and writes them once it is back', async () => {
    const dispatchId = await newDispatch();
    await other.query('BEGIN');
    await other.query('LOCK TABLE attempt IN ACCESS EXCLUSIVE MODE');
    const first = recorder.submit({ attempt: attemptOf('msg_1'), change: inserts('msg_1', dispatchId) });
    const second = recorder.submit({ attempt: attemptOf('msg_2'), finishesDispatch: dispatchId });
    await eventually(async () => {
      const { rowCount } = await other.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'posthorn' AND wait_event_type = 'Lock'`,
      );
      expect(rowCount).toBeGreaterThan(0);
    });
    await eventually(() => expect(logged).not.toEqual([]));
    await other.query('COMMIT');
    await Promise.all([first, second]);

    expect(logged.every((line) => line.startsWith('warn'))).toBe(true);
    expect(await rows('SELECT message_id FROM attempt ORDER BY 1')).toEqual([
      { message_id: 'msg_1' },
      { message_id: 'msg_2' },
    ]);
    expect(await rows('SELECT message_id FROM pending_delivery')).toEqual([{ message_id: 'msg_1' }]);
    expect(await rows('SELECT 1 FROM dispatch')).toEqual([]);
  });

  it('takes no harm when a commit succeeded and only its answer was lost', async () => {
    const dispatchId = await newDispatch();
    const query = dataSource.query.bind(dataSource);
    const spy = jest.spyOn(dataSource, 'query').mockImplementationOnce(async (...args: Parameters<typeof query>) => {
      await query(...args);
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    });
    await recorder.submit({
      attempt: attemptOf('msg_1'),
      change: inserts('msg_1', dispatchId),
      finishesDispatch: dispatchId,
    });

    expect(spy).toHaveBeenCalledTimes(2);
    expect(logged).toEqual([expect.stringMatching(/^warn/)]);
    expect(await rows('SELECT 1 FROM attempt')).toHaveLength(1);
    expect(await rows('SELECT 1 FROM pending_delivery')).toHaveLength(1);
    expect(await rows('SELECT 1 FROM dispatch')).toEqual([]);
    spy.mockRestore();
  });

  it('writes all others when the database refuses one, and lets the delivery of that one go on', async () => {
    const dispatchId = await newDispatch();
    const isPoison = (n: number): boolean => n === 3;
    const steps = Array.from({ length: 9 }, (_, n): RecordStep => {
      const outcome = isPoison(n) ? { statusCode: 99_999 } : {};
      return {
        attempt: attemptOf(`msg_${n}`, outcome),
        change: inserts(`msg_${n}`, dispatchId),
        finishesDispatch: n === 8 ? dispatchId : undefined,
      };
    });
    await Promise.all(steps.map((step) => recorder.submit(step)));

    const ids = (what: readonly RecordStep[]): unknown =>
      what.map(({ attempt }) => ({ message_id: attempt?.delivery.message.id }));
    expect(await rows('SELECT message_id FROM attempt ORDER BY 1')).toEqual(ids(steps.filter((_, n) => !isPoison(n))));
    expect(await rows('SELECT message_id FROM pending_delivery ORDER BY 1')).toEqual(ids(steps));
    expect(await rows('SELECT 1 FROM dispatch')).toEqual([]);
    expect(logged).toEqual([expect.stringMatching(/^error/)]);
  });

  it('rejects a step that cannot be written at all, and only that', async () => {
    const dispatchId = await newDispatch();
    const poison: RecordStep = {
      change: (pending) =>
        pending.update({
          messageId: 'm',
          endpointId: 'e',
          isManual: false,
          claim: 'c',
          dueAtMs: 0,
          attemptNumber: 1e6,
        }),
    };
    const results = await Promise.allSettled([
      recorder.submit({ attempt: attemptOf('msg_1') }),
      recorder.submit(poison),
      recorder.submit({ attempt: attemptOf('msg_2'), finishesDispatch: dispatchId }),
    ]);

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await rows('SELECT 1 FROM attempt')).toHaveLength(2);
    expect(await rows('SELECT 1 FROM dispatch')).toEqual([]);
  });

  it('drains: whatever was submitted is written when it resolves', async () => {
    for (let n = 0; n < 1_200; n++) {
      void recorder.submit({ attempt: attemptOf(newId('msg', Date.now())) });
    }
    await recorder.drain();

    expect(await rows('SELECT 1 FROM attempt')).toHaveLength(1_200);
  });
});
