import { newId } from '@libs/sortable-id/sortable-id';
import { DataSource } from 'typeorm';
import { SystemClock } from '@/common/clock';
import { type PageRequest } from '@/common/page';
import { Application } from '@/features/applications/application.entity';
import { ApplicationsRepository } from '@/features/applications/applications.repository';
import { AttemptsRepository } from '@/features/deliveries/attempts.repository';
import { DeliveriesRepository } from '@/features/deliveries/deliveries.repository';
import { Endpoint } from '@/features/endpoints/endpoint.entity';
import { EndpointSecret } from '@/features/endpoints/endpoint-secret.entity';
import { EndpointSecretsRepository } from '@/features/endpoints/endpoint-secrets.repository';
import { EndpointsRepository } from '@/features/endpoints/endpoints.repository';
import { EventType } from '@/features/event-types/event-type.entity';
import { EventTypesRepository } from '@/features/event-types/event-types.repository';
import { Message } from '@/features/messages/message.entity';
import { MessagesRepository } from '@/features/messages/messages.repository';
import { loadConfig } from '@/infra/config/config';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database';
import { dataSourceOptions } from './data-source-options';
import { type FilledTables, fillTables } from './list-plans.fixture';
import { StatementCapture } from './statement-capture.fixture';

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Plan Rows': number;
  Plans?: PlanNode[];
}

/** The node and all below it. */
function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

jest.setTimeout(60_000);

describe('plans on filled tables', () => {
  const capture = new StatementCapture();
  let database: TestDatabase;
  let dataSource: DataSource;
  let filled: FilledTables;
  let applications: ApplicationsRepository;
  let endpoints: EndpointsRepository;
  let secrets: EndpointSecretsRepository;
  let eventTypes: EventTypesRepository;
  let messages: MessagesRepository;
  let attempts: AttemptsRepository;
  let deliveries: DeliveriesRepository;

  beforeAll(async () => {
    database = await createTestDatabase();
    const entities = [Application, Endpoint, EndpointSecret, EventType, Message];
    dataSource = await new DataSource({
      ...dataSourceOptions(database.url, 4),
      entities,
      logger: capture,
    }).initialize();
    filled = await fillTables(dataSource);
    applications = new ApplicationsRepository(dataSource.getRepository(Application));
    endpoints = new EndpointsRepository(dataSource.getRepository(Endpoint));
    secrets = new EndpointSecretsRepository(dataSource.getRepository(EndpointSecret));
    eventTypes = new EventTypesRepository(dataSource.getRepository(EventType));
    messages = new MessagesRepository(dataSource.getRepository(Message), new SystemClock(), loadConfig({}));
    attempts = new AttemptsRepository(dataSource);
    deliveries = new DeliveriesRepository(dataSource);
  }, 120_000);

  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  /** The nodes of the plans of all statements that `work` sends. */
  async function plansOf(work: () => Promise<unknown>): Promise<PlanNode[]> {
    capture.statements.length = 0;
    await work();
    const statements = capture.statements.filter(({ sql }) => /^\s*(SELECT|WITH|UPDATE|INSERT)/i.test(sql));
    expect(statements).not.toHaveLength(0);
    const plans: PlanNode[] = [];
    for (const { sql, parameters } of [...statements]) {
      const [row] = await dataSource.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }[]>(
        `EXPLAIN (FORMAT JSON) ${sql}`,
        parameters,
      );
      plans.push(...(row === undefined ? [] : [row['QUERY PLAN'][0].Plan]));
    }
    return plans.flatMap(nodesOf);
  }

  const LARGE = /^(message|attempt|application|endpoint|event_type|pending_delivery)/;

  /** Partitions of days to come, and the default one, are empty: reading and sorting them whole costs nothing. */
  const isFull = (node: PlanNode): boolean => filled.nonEmpty.has(node['Relation Name'] ?? '');

  /** Most rows that may be sorted: the attempts or destinations of one message, the endpoints of one application. */
  const MAX_SORTED_ROWS = 600;

  /** Names of tables that are read whole, and of sorts of more rows than that. */
  function faultsOf(nodes: PlanNode[]): string[] {
    const scans = nodes.filter((node) => node['Node Type'] === 'Seq Scan' && isFull(node));
    const names = scans.map((node) => node['Relation Name'] ?? '').filter((name) => LARGE.test(name));
    // An incremental sort is another node: it sorts within a group that an index has put in order.
    const sorts = nodes.filter((node) => node['Node Type'] === 'Sort' && nodesOf(node).some(isFull));
    const sizes = sorts.map((node) => node['Plan Rows']).filter((rows) => rows > MAX_SORTED_ROWS);
    return [...names, ...sizes.map((rows) => `sort of ${rows} rows`)];
  }

  async function expectIndexes(what: object, work: () => Promise<unknown>): Promise<void> {
    const faults = faultsOf(await plansOf(work));
    expect({ what, faults }).toEqual({ what, faults: [] });
  }

  const partitionsOf = (nodes: PlanNode[], table: string): string[] =>
    [
      ...new Set(nodes.map((node) => node['Relation Name'] ?? '').filter((name) => name.startsWith(`${table}_`))),
    ].sort();

  const page = (more: Partial<PageRequest> = {}): PageRequest => ({
    limit: 50,
    direction: 'next',
    order: 'descending',
    ...more,
  });

  /** The first page, and pages in the middle both ways; a large one too where it is a small part of all. */
  const pages = (cursor: string, filter: object = {}): PageRequest[] => [
    page(),
    page({ cursor }),
    page({ cursor, direction: 'prev' }),
    ...(Object.keys(filter).length === 0 ? [page({ limit: 250 })] : []),
  ];

  it('have rows to plan for, in several partitions', async () => {
    const rows = await dataSource.query<{ name: string; rows: number }[]>(
      `SELECT relname::text AS name, reltuples::int AS rows FROM pg_class
       WHERE relname ~ '^(message|attempt)_\\d{8}$' AND reltuples > 1000`,
    );
    expect(rows.filter(({ name }) => name.startsWith('message')).length).toBeGreaterThanOrEqual(4);
    expect(rows.reduce((sum, row) => sum + row.rows, 0)).toBeGreaterThan(60_000);
  });

  it('walk an index for pages of applications, endpoints and event types', async () => {
    const { orgId, appId, applicationId, endpointId } = filled;
    for (const order of ['ascending', 'descending'] as const) {
      for (const request of pages(applicationId)) {
        await expectIndexes(request, () => applications.list(orgId, { ...request, order }));
      }
      for (const request of pages(endpointId)) {
        await expectIndexes(request, () => endpoints.list(appId, { ...request, order }));
      }
      for (const request of pages('type-2500')) {
        for (const flag of [true, false]) {
          const filter = { withArchived: flag, withFlagged: flag, withSchemas: flag };
          await expectIndexes({ ...request, ...filter }, () => eventTypes.list(orgId, { ...request, order }, filter));
        }
      }
    }
  });

  it('walk an index for pages of messages, whatever they are filtered by', async () => {
    const { appId, messageId, middle } = filled;
    const filters = [
      {},
      { channel: 'red' },
      { tag: 'first' },
      { eventTypes: ['type-1', 'type-2'] },
      { before: middle },
      { after: middle },
      { before: middle, after: new Date(middle.getTime() - 3_600_000), channel: 'red', eventTypes: ['type-1'] },
    ];
    for (const filter of filters) {
      for (const request of pages(messageId, filter)) {
        await expectIndexes({ ...request, ...filter }, () => messages.list(appId, filter, request));
      }
    }
  });

  it('walk an index for pages of attempts, whatever they are filtered by', async () => {
    const { endpointId, messageId, attemptId, middle } = filled;
    const filters = [
      {},
      { status: 0 as const },
      { status: 2 as const, statusCodeClass: 500 },
      { before: middle },
      { after: middle },
      { channel: 'red', tag: 'first', eventTypes: ['type-1'] },
    ];
    for (const filter of filters) {
      for (const request of pages(attemptId, filter)) {
        await expectIndexes({ ...request, ...filter }, () =>
          attempts.listByEndpoint(endpointId, filter, request, true),
        );
        await expectIndexes({ ...request, ...filter }, () => attempts.listByMessage(messageId, filter, request, true));
        const one = { ...filter, endpointId };
        await expectIndexes({ ...request, ...filter }, () => attempts.listByMessage(messageId, one, request, false));
      }
    }
  });

  it('walk an index for pages of attempted messages, and sort only the destinations of one message', async () => {
    const { appId, endpointId, messageId, middle } = filled;
    const filters = [
      {},
      { status: 0 as const },
      { status: 2 as const },
      { status: 3 as const },
      { before: middle },
      { after: middle, channel: 'red' },
      { tag: 'first', eventTypes: ['type-1'] },
    ];
    for (const filter of filters) {
      for (const request of pages(messageId, filter)) {
        await expectIndexes({ ...request, ...filter }, () =>
          attempts.listAttemptedMessages(appId, endpointId, filter, request),
        );
      }
    }
    for (const request of pages(endpointId)) {
      await expectIndexes(request, () => attempts.listDestinations(messageId, { ...request, order: 'ascending' }));
    }
  });

  it('use indexes for everything that workers and single look-ups read', async () => {
    const { orgId, appId, endpointId, messageId, now } = filled;
    const messageIds = filled.messageIds.slice(0, 20);
    const appIds = messageIds.map(() => appId);
    const works: (() => Promise<unknown>)[] = [
      () => applications.findByIdOrUid(orgId, appId),
      () => applications.findByIdOrUid(orgId, 'uid-77'),
      () => endpoints.findByIdOrUid(appId, endpointId),
      () => endpoints.findByIdOrUid(appId, 'uid-5'),
      () => endpoints.findManyWithDeleted(filled.endpointIds.slice(0, 50)),
      () => endpoints.listForDelivery(appId),
      () => secrets.findCurrent(endpointId),
      () => secrets.listLive(filled.endpointIds.slice(0, 50), now),
      () => eventTypes.find(orgId, 'type-5'),
      () => eventTypes.findLiveNames(orgId, ['type-5', 'type-6']),
      () => messages.findByEventId(appId, 'event-5'),
      () => messages.findMany(appIds, messageIds),
      () => messages.findWithin(appIds, messageIds, 1_000_000),
      () => deliveries.listSettled(messageIds),
      () => deliveries.claimDue('claim', 200, Date.now() + 60_000),
      () => deliveries.listStrandedDispatches(Date.now(), 100),
      () => attempts.find(appId, messageId, filled.attemptId),
    ];
    for (const work of works) {
      await expectIndexes({ work: work.toString() }, work);
    }
  });

  it('look at the partition of its day only for an id', async () => {
    const { appId, messageId, messageIds, attemptId } = filled;
    const dayOf = (nodes: PlanNode[], table: string): number => partitionsOf(nodes, table).length;

    expect(dayOf(await plansOf(() => messages.findById(appId, messageId)), 'message')).toBe(1);
    const oneDay = messageIds.slice(0, 50);
    const many = await plansOf(() =>
      messages.findMany(
        oneDay.map(() => appId),
        oneDay,
      ),
    );
    expect(dayOf(many, 'message')).toBeLessThanOrEqual(2);
    expect(dayOf(await plansOf(() => attempts.find(appId, messageId, attemptId)), 'attempt')).toBe(1);
    const recent = newId('msg', Date.now());
    expect(dayOf(await plansOf(() => messages.findById(appId, recent)), 'message')).toBe(1);
  });

  it('look at few partitions for a span of time', async () => {
    const { appId, endpointId, middle } = filled;
    const filter = { before: middle, after: new Date(middle.getTime() - 3_600_000) };

    expect(partitionsOf(await plansOf(() => messages.list(appId, filter, page())), 'message').length).toBeLessThan(3);
    const plan = await plansOf(() => attempts.listByEndpoint(endpointId, filter, page(), true));
    expect(partitionsOf(plan, 'attempt').length).toBeLessThan(3);
  });
});
