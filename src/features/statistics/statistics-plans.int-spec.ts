import { newId } from '@libs/sortable-id/sortable-id';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '@/infra/database/data-source-options';
import { type FilledTables, fillTables } from '@/infra/database/list-plans.fixture';
import { StatementCapture } from '@/infra/database/statement-capture.fixture';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database';
import { insertAttempts } from './attempts.fixture';
import { RollupRepository } from './rollup.repository';
import { StatisticsRepository } from './statistics.repository';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Loops': number;
  'Actual Rows': number;
  Plans?: PlanNode[];
}

/** The node and all below it that were executed. */
function executed(node: PlanNode): PlanNode[] {
  return node['Actual Loops'] === 0 ? [] : [node, ...(node.Plans ?? []).flatMap(executed)];
}

jest.setTimeout(60_000);

describe('plans of statistics on filled tables', () => {
  const capture = new StatementCapture();
  let database: TestDatabase;
  let dataSource: DataSource;
  let filled: FilledTables;
  let reader: StatisticsRepository;
  let rollup: RollupRepository;
  let nowMs: number;

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await new DataSource({ ...dataSourceOptions(database.url, 2), logger: capture }).initialize();
    filled = await fillTables(dataSource);
    nowMs = filled.now.getTime();
    reader = new StatisticsRepository(dataSource);
    rollup = new RollupRepository(dataSource);
  }, 120_000);

  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  /** What was executed of the transactions that `work` sends: they are sent once more, with their settings, and undone. */
  async function nodesOf(work: () => Promise<unknown>): Promise<PlanNode[]> {
    capture.statements = [];
    await work();
    const statements = capture.statements.filter(({ sql }) => !/^(START|COMMIT|ROLLBACK|SAVEPOINT)/.test(sql));
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    const nodes: PlanNode[] = [];
    try {
      for (const { sql, parameters } of statements) {
        if (/^SET|set_config|pg_try_advisory/.test(sql)) {
          await runner.query(sql, parameters);
          continue;
        }
        const [row]: { 'QUERY PLAN': [{ Plan: PlanNode }] }[] = await runner.query(
          `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${sql}`,
          parameters,
        );
        nodes.push(...(row === undefined ? [] : executed(row['QUERY PLAN'][0].Plan)));
      }
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
    }
    expect(nodes).not.toHaveLength(0);
    return nodes;
  }

  /** Tables with rows that were read whole, and sorts of many rows. */
  function faultsOf(nodes: PlanNode[]): string[] {
    const scans = nodes.filter((node) => node['Node Type'] === 'Seq Scan' && node['Actual Rows'] > 0);
    const sorts = nodes.filter((node) => node['Node Type'] === 'Sort' && node['Actual Rows'] > 600);
    return [
      ...scans.map((node) => node['Relation Name'] ?? ''),
      ...sorts.map((node) => `sort of ${node['Actual Rows']}`),
    ];
  }

  const indexesOf = (nodes: PlanNode[]): string[] =>
    nodes.map((node) => node['Index Name'] ?? '').filter((name) => name.startsWith('attempt_'));

  const read = (): Promise<unknown> => reader.countDeliveries(filled.endpointId, nowMs - 28 * DAY_MS, nowMs);

  async function catchUp(): Promise<void> {
    for (let hasMore = true; hasMore;) {
      ({ hasMore } = await rollup.countNext(nowMs - HOUR_MS, nowMs, () => undefined));
    }
  }

  /** A table of a few blocks is rightly read whole. */
  async function addHoursOfOthers(): Promise<void> {
    await dataSource.query(
      `INSERT INTO endpoint_hour (endpoint_id, hour, successes, failures, attempts, failed_attempts, duration_ms)
       SELECT 'ep_' || n % 100, timestamptz '2100-01-01' + n / 100 * interval '1 hour', 1, 0, 1, 0, 1
       FROM generate_series(1, 30000) AS n`,
    );
    await dataSource.query('ANALYZE endpoint_hour');
  }

  it('walk the index of the endpoint, whether anything is rolled up or not', async () => {
    const before = await nodesOf(read);
    expect(faultsOf(before)).toEqual([]);
    expect(indexesOf(before).some((name) => /_endpoint_id_id_idx$/.test(name))).toBe(true);

    await catchUp();
    await addHoursOfOthers();

    expect(faultsOf(await nodesOf(read))).toEqual([]);
  });

  it('find the attempts of an hour by their block ranges, read once', async () => {
    await catchUp();
    const [end] = await dataSource.query<{ hour: Date }[]>('SELECT max(hour) AS hour FROM counted_hour');
    const toMs = (end?.hour.getTime() ?? 0) + HOUR_MS - 1;
    const [hour] = await dataSource.query<{ hour: Date }[]>('SELECT min(hour) AS hour FROM endpoint_hour');
    await dataSource.query('UPDATE counted_hour SET recount_at = now() WHERE hour = $1', [hour?.hour]);
    const works = [
      (): Promise<unknown> => rollup.countNext(toMs, toMs, () => undefined),
      (): Promise<unknown> => rollup.recountNext(Date.now() + 1000, () => undefined),
    ];
    for (const work of works) {
      const nodes = await nodesOf(work);
      expect(faultsOf(nodes)).toEqual([]);
      const names = indexesOf(nodes);
      expect(names).toContainEqual(expect.stringMatching(/^attempt_\d{8}_id_idx$/));
      // The others are for looking up earlier attempts of a delivery.
      expect(names.filter((name) => !/_id_idx$|_pkey$/.test(name) || name.includes('endpoint_id_id_idx'))).toEqual([]);
      expect(nodes.filter((node) => node['Node Type'] === 'Index Scan' && node['Actual Rows'] > 1)).toEqual([]);
    }
  });

  it('stay the same on a partition of which the planner knows nothing', async () => {
    const day = Math.floor(nowMs / DAY_MS) * DAY_MS + 2 * DAY_MS;
    const endpointId = newId('ep', day);
    await insertAttempts(
      dataSource,
      Array.from({ length: 20_000 }, (_, n) => ({ atMs: day + n * 100, endpointId, attemptNumber: n % 2 })),
    );
    const nodes = await nodesOf(() => reader.countDeliveries(endpointId, day, day + HOUR_MS));
    expect(faultsOf(nodes)).toEqual([]);
    expect(nodes.map((node) => node['Actual Rows']).sort((a, b) => b - a)[0]).toBeLessThanOrEqual(3_000);
  });

  it('delete old counts by their hour', async () => {
    await catchUp();
    await dataSource.query('ANALYZE endpoint_hour');
    const nodes = await nodesOf(() => rollup.deleteBefore(nowMs - 4 * DAY_MS + 4 * HOUR_MS));
    expect(faultsOf(nodes)).toEqual([]);
  });
});
