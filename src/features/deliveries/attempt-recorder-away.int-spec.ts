import { newId } from '@libs/sortable-id/sortable-id';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '@/infra/database/data-source-options';
import { DatabaseHold } from '@/infra/database/database-hold';
import { type Logger } from '@/infra/observability/logger';
import { Metrics } from '@/infra/observability/metrics';
import { eventually } from '../../../test/support/eventually';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database';
import { AttemptRecorder, type RecordStep } from './attempt-recorder';
import { attemptRow } from './attempt-row.fixture';
import { type AttemptRow, DeliveriesRepository } from './deliveries.repository';

const APP_ID = newId('app', Date.now());
const ENDPOINT_ID = newId('ep', Date.now());
const CLAIM = 'claim-1';
const MAX_WAITING = 20_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const LARGEST_ANSWER = 20_000;

function attemptOf(messageId: string, answerBytes: number): AttemptRow {
  const subject = { messageId, appId: APP_ID, endpointId: ENDPOINT_ID, attemptNumber: 1 };
  return attemptRow(subject, { response: Buffer.alloc(answerBytes, 'x') });
}

/** The success of a claimed delivery. */
function stepOf(messageId: string, answerBytes = 2): RecordStep & { attempt: AttemptRow } {
  return {
    attempt: attemptOf(messageId, answerBytes),
    change: (pending) => pending.delete({ messageId, endpointId: ENDPOINT_ID, isManual: false, claim: CLAIM }),
  };
}

describe('AttemptRecorder while Postgres is away', () => {
  let database: TestDatabase;
  let hold: DatabaseHold;
  let dataSource: DataSource;
  let repository: DeliveriesRepository;
  let recorder: AttemptRecorder;
  let other: Client;
  let warnings: string[];

  beforeAll(async () => {
    database = await createTestDatabase();
    hold = new DatabaseHold();
    dataSource = await new DataSource(dataSourceOptions(database.url, 4, false, hold)).initialize();
    repository = new DeliveriesRepository(dataSource);
    other = new Client({ connectionString: database.url });
    await other.connect();
  }, 60_000);

  afterAll(async () => {
    await other.end();
    await dataSource.destroy();
    await database.drop();
  });

  beforeEach(async () => {
    await other.query('TRUNCATE attempt, pending_delivery');
    warnings = [];
    const log = { warn: (_: object, text: string) => void warnings.push(text) } as unknown as Logger;
    recorder = new AttemptRecorder(repository, log, new Metrics());
    hold.lose(); // every query fails as if the server were gone
  });

  afterEach(() => hold.regain());

  async function claimDeliveries(messageIds: readonly string[]): Promise<void> {
    await other.query(
      `INSERT INTO pending_delivery (message_id, endpoint_id, is_manual, app_id, attempt_number, due_at, claim)
       SELECT id, $2, false, $3, 1, now() + interval '1 hour', $4 FROM unnest($1::text[]) id`,
      [messageIds, ENDPOINT_ID, APP_ID, CLAIM],
    );
  }

  async function idsIn(table: string): Promise<string[]> {
    const { rows } = await other.query<{ id: string }>(
      `SELECT message_id AS id FROM ${table} ORDER BY message_id COLLATE "C"`,
    );
    return rows.map(({ id }) => id);
  }

  it('keeps 20,000 outcomes, and refuses further ones: those deliveries come again when their claim ends', async () => {
    const ids = Array.from({ length: MAX_WAITING + 300 }, (_, n) => `msg_${String(n).padStart(6, '0')}`);
    await claimDeliveries(ids);

    const results = ids.map((id) => recorder.submit(stepOf(id)));
    const settled = Promise.allSettled(results);
    await eventually(() => expect(warnings).not.toEqual([]));
    hold.regain();

    const refused = ids.filter((_, n) => n >= MAX_WAITING);
    expect((await settled).map(({ status }) => status)).toEqual(
      ids.map((_, n) => (n < MAX_WAITING ? 'fulfilled' : 'rejected')),
    );
    expect(await idsIn('attempt')).toEqual(ids.slice(0, MAX_WAITING));
    expect(await idsIn('pending_delivery')).toEqual(refused);

    await other.query("UPDATE pending_delivery SET due_at = now() - interval '1 second'");
    const again = await repository.claimDue('claim-2', 1_000, Date.now() + 60_000);
    expect(again.map(({ messageId }) => messageId).sort()).toEqual(refused);
  }, 60_000);

  it('keeps 64 MiB of answers; of further ones it keeps the beginning, and loses no outcome', async () => {
    const whole = Math.floor(MAX_ANSWER_BYTES / LARGEST_ANSWER);
    const steps = Array.from({ length: whole + 1_000 }, (_, n) => stepOf(`msg_${n}`, LARGEST_ANSWER));

    const settled = Promise.allSettled(steps.map((step) => recorder.submit(step)));
    const keptBytes = steps.reduce((sum, { attempt }) => sum + attempt.outcome.response.length, 0);
    expect(keptBytes).toBe(whole * LARGEST_ANSWER + 1_000 * 256);
    await eventually(() => expect(warnings).not.toEqual([]));
    hold.regain();

    expect((await settled).every(({ status }) => status === 'fulfilled')).toBe(true);
    const { rows } = await other.query(
      'SELECT octet_length(response) AS bytes, count(*)::int FROM attempt GROUP BY 1 ORDER BY 1',
    );
    expect(rows).toEqual([
      { bytes: 256, count: 1_000 },
      { bytes: LARGEST_ANSWER, count: whole },
    ]);

    await recorder.submit(stepOf('msg_after', LARGEST_ANSWER));
    const after = await other.query(
      "SELECT octet_length(response) AS bytes FROM attempt WHERE message_id = 'msg_after'",
    );
    expect(after.rows).toEqual([{ bytes: LARGEST_ANSWER }]);
  }, 60_000);

  it('gives up when the process must end, and says how many outcomes were not written', async () => {
    const ids = Array.from({ length: 1_200 }, (_, n) => `msg_${n}`);
    await claimDeliveries(ids);
    const settled = Promise.allSettled(ids.map((id) => recorder.submit(stepOf(id))));
    await eventually(() => expect(warnings).not.toEqual([]));

    expect(recorder.giveUp()).toBe(ids.length);

    await recorder.drain();
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
    expect(await idsIn('pending_delivery')).toHaveLength(ids.length);
    expect(await idsIn('attempt')).toEqual([]);
  });

  it('still writes what can be written after it has given up', async () => {
    expect(recorder.giveUp()).toBe(0);
    hold.regain();

    await recorder.submit(stepOf('msg_1'));

    expect(await idsIn('attempt')).toEqual(['msg_1']);
  });
});
