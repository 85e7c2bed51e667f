import { newId } from '@libs/sortable-id/sortable-id';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '@/infra/database/data-source-options';
import { DAY_MS, ensurePartitions } from '@/infra/database/partitions';
import { StatementCapture } from '@/infra/database/statement-capture.fixture';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database';
import { RetentionRepository } from './retention.repository';

const ROWS = 30_000;
const DAYS = 100;
const LIMIT = 500;

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  Plans?: PlanNode[];
}

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

jest.setTimeout(60_000);

describe('plans of what retention does', () => {
  const capture = new StatementCapture();
  const todayDay = Math.floor(Date.now() / DAY_MS);
  let database: TestDatabase;
  let dataSource: DataSource;
  let repository: RetentionRepository;

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await new DataSource({ ...dataSourceOptions(database.url, 4), logger: capture }).initialize();
    repository = new RetentionRepository(dataSource);
    await fill();
  }, 120_000);

  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  /** Messages of 100 days, those of the last five in partitions and the others in the default one. */
  async function fill(): Promise<void> {
    await ensurePartitions(dataSource, Date.now() - 4 * DAY_MS);
    const startMs = Date.now() - DAYS * DAY_MS;
    const times = Array.from({ length: ROWS }, (_, n) => startMs + Math.floor((n * DAYS * DAY_MS) / ROWS));
    const ids = (prefix: 'msg' | 'atmpt' | 'sec'): string[] => times.map((ms) => newId(prefix, ms));
    const messageIds = ids('msg');
    await dataSource.query(
      `INSERT INTO message (id, app_id, event_type, payload, payload_expires_at)
       SELECT i, 'app_1', 'a', 'x', now() FROM unnest($1::text[]) AS i`,
      [messageIds],
    );
    await dataSource.query(
      `INSERT INTO message_event_id (app_id, event_id, message_id) SELECT app_id, id, id FROM message`,
    );
    await dataSource.query(
      `INSERT INTO payload_expiry (expires_at, app_id, message_id)
       SELECT now() + (n - 1000) * interval '1 minute', 'app_1', i FROM unnest($1::text[]) WITH ORDINALITY AS x (i, n)`,
      [messageIds],
    );
    await dataSource.query(
      `INSERT INTO attempt (id, message_id, endpoint_id, app_id, attempt_number, is_manual, is_success,
                            response_status_code, response_duration_ms, url)
       SELECT i, 'msg_1', 'ep_1', 'app_1', 0, false, true, 200, 1, '' FROM unnest($1::text[]) AS i`,
      [ids('atmpt')],
    );
    await dataSource.query(
      `INSERT INTO pending_delivery (message_id, endpoint_id, is_manual, app_id, attempt_number, due_at)
       SELECT i, 'ep_1', false, 'app_1', 1, now() FROM unnest($1::text[]) AS i`,
      [messageIds.slice(ROWS / 2)],
    );
    await dataSource.query(
      `INSERT INTO dispatch (id, app_ids, message_ids) SELECT 'dsp' || substr(i, 4), ARRAY['app_1'], ARRAY[i]
       FROM unnest($1::text[]) AS i`,
      [messageIds.slice(ROWS / 2)],
    );
    await dataSource.query(`INSERT INTO application (id, org_id, name, created_at, updated_at)
      VALUES ('app_1', 'org_1', '', now(), now())`);
    await dataSource.query(`INSERT INTO endpoint (id, app_id, url, created_at, updated_at)
      VALUES ('ep_1', 'app_1', '', now(), now())`);
    await dataSource.query(
      `INSERT INTO endpoint_secret (id, endpoint_id, secret_box, created_at, expires_at)
       SELECT i, 'ep_1', '', now(), CASE WHEN n < 1000 THEN now() - n * interval '1 minute' END
       FROM unnest($1::text[]) WITH ORDINALITY AS x (i, n)`,
      [ids('sec')],
    );
    await dataSource.query('ANALYZE');
  }

  /** Tables that `work` reads whole or sorts, and all tables that it touches. */
  async function plansOf(work: () => Promise<unknown>): Promise<{ faults: string[]; touched: string[] }> {
    const nonEmpty = await dataSource.query<{ name: string }[]>(
      'SELECT relname::text AS name FROM pg_class WHERE reltuples > 1000',
    );
    const large = new Set(nonEmpty.map(({ name }) => name));
    capture.statements.length = 0;
    await work();
    const statements = capture.statements.filter(({ sql }) => /^\s*(SELECT|UPDATE|DELETE)/.test(sql));
    const nodes: PlanNode[] = [];
    for (const { sql, parameters } of [...statements]) {
      const [row] = await dataSource.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }[]>(
        `EXPLAIN (FORMAT JSON) ${sql}`,
        parameters,
      );
      nodes.push(...(row === undefined ? [] : nodesOf(row['QUERY PLAN'][0].Plan)));
    }
    const faults = nodes.filter((node) => node['Node Type'] === 'Sort' || isWhole(node, large));
    const touched = nodes.flatMap((node) => node['Relation Name'] ?? []);
    return { faults: faults.map((node) => `${node['Node Type']} ${node['Relation Name']}`), touched };
  }

  const isWhole = (node: PlanNode, large: ReadonlySet<string>): boolean =>
    node['Node Type'] === 'Seq Scan' && large.has(node['Relation Name'] ?? '');

  it.each(['message', 'attempt', 'event_id'] as const)('find old rows by an index: %s', async (what) => {
    for (const [day, found] of [
      [todayDay - 90, LIMIT], // no delivery is that old
      [todayDay - 10, 0],
    ] as const) {
      const position = newId(what === 'attempt' ? 'atmpt' : 'msg', Date.now() - 98 * DAY_MS);
      for (const from of [undefined, what === 'event_id' ? position.slice(0, 8) : position]) {
        let batch = { found: -1 };
        const { faults, touched } = await plansOf(async () => {
          batch = await repository.removeRows(what, day, { from, limit: LIMIT });
        });

        expect({ faults, found: batch.found }).toEqual({ faults: [], found });
        expect(touched).toEqual(expect.arrayContaining(['pending_delivery', 'dispatch']));
      }
    }
  });

  it('find expired payloads and secrets by an index', async () => {
    const payloads = await plansOf(() => repository.removePayloads({ limit: LIMIT }));
    expect(payloads).toMatchObject({
      faults: [],
      touched: expect.arrayContaining(['payload_expiry', 'message_default']),
    });
    const from = new Date(Date.now() - 3_600_000).toISOString();
    expect((await plansOf(() => repository.removePayloads({ from, limit: LIMIT }))).faults).toEqual([]);
    expect((await plansOf(() => repository.removeSecrets({ limit: LIMIT }))).faults).toEqual([]);
  });

  it('look only at the days of the messages for payloads', async () => {
    const today = newId('msg', Date.now());
    await dataSource.query(
      `INSERT INTO payload_expiry (expires_at, app_id, message_id) VALUES (now() - interval '1000 days', 'app_1', $1)`,
      [today],
    );
    const { touched } = await plansOf(() => repository.removePayloads({ limit: 1 }));

    expect(touched.filter((name) => name.startsWith('message'))).toHaveLength(2); // to be read, and to be changed
  });
});
