import { newId } from '@libs/sortable-id/sortable-id';
import { type DataSource } from 'typeorm';
import { ensurePartitions } from './partitions';

const DAY_MS = 24 * 3600 * 1000;
const DAYS = 5;
const ORGANIZATIONS = 2;
const APPLICATIONS = 10_000;
/** Applications that have messages, with this many endpoints each. */
const BUSY_APPLICATIONS = 4;
const ENDPOINTS_EACH = 500;
const MESSAGES = 40_000;
const ATTEMPTS_PER_MESSAGE = 2;
const EVENT_TYPES_EACH = 5_000;

/** Ids of rows in the middle of what was filled in. */
export interface FilledTables {
  orgId: string;
  applicationId: string;
  /** An application with many messages and endpoints. */
  appId: string;
  endpointId: string;
  endpointIds: string[];
  messageId: string;
  /** Messages of the application, oldest first. */
  messageIds: string[];
  attemptId: string;
  middle: Date;
  now: Date;
  /** Tables and partitions that have rows. */
  nonEmpty: ReadonlySet<string>;
}

/** Fills every table with what a busy week leaves, and tells the planner. For tests only. */
export async function fillTables(dataSource: DataSource): Promise<FilledTables> {
  const nowMs = Date.now();
  const startMs = nowMs - (DAYS - 1) * DAY_MS;
  await ensurePartitions(dataSource, startMs);
  const ids = (prefix: 'app' | 'ep' | 'msg' | 'atmpt' | 'sec', count: number): string[] =>
    Array.from({ length: count }, (_, n) => newId(prefix, startMs + Math.floor((n * (nowMs - startMs)) / count)));
  const orgIds = Array.from({ length: ORGANIZATIONS }, (_, n) => newId('org', startMs + n * 10_000));
  const appIds = ids('app', APPLICATIONS);
  const busy = appIds.filter((_, n) => n % (APPLICATIONS / BUSY_APPLICATIONS) === 0);
  const endpointIds = ids('ep', BUSY_APPLICATIONS * ENDPOINTS_EACH);
  const messageIds = ids('msg', MESSAGES);
  const attemptIds = ids('atmpt', MESSAGES * ATTEMPTS_PER_MESSAGE);

  await dataSource.query(
    `INSERT INTO application (id, org_id, uid, name, created_at, updated_at)
     SELECT i.id, ($2::text[])[1 + i.n % $3::int], 'uid-' || i.n, 'name', now(), now()
     FROM unnest($1::text[]) WITH ORDINALITY AS i (id, n)`,
    [appIds, orgIds, ORGANIZATIONS],
  );
  await dataSource.query(
    `INSERT INTO event_type (org_id, name, description, is_archived, feature_flags, created_at, updated_at)
     SELECT o.id, 'type-' || n, '', n % 10 = 0, CASE WHEN n % 20 = 1 THEN ARRAY['beta'] END, now(), now()
     FROM unnest($1::text[]) AS o (id), generate_series(1, $2::int) AS n`,
    [orgIds, EVENT_TYPES_EACH],
  );
  await dataSource.query(
    `INSERT INTO endpoint (id, app_id, uid, url, created_at, updated_at)
     SELECT i.id, ($2::text[])[1 + i.n % $3::int], 'uid-' || i.n, 'https://example.com/', now(), now()
     FROM unnest($1::text[]) WITH ORDINALITY AS i (id, n)`,
    [endpointIds, busy, BUSY_APPLICATIONS],
  );
  await dataSource.query(
    `INSERT INTO endpoint (id, app_id, uid, url, created_at, updated_at)
     SELECT 'ep_' || substr(a.id, 5), a.id, 'uid', 'https://example.com/', now(), now() FROM application a`,
  );
  await dataSource.query(
    `INSERT INTO endpoint_secret (id, endpoint_id, secret_box, created_at)
     SELECT s.id, e.id, '', now() FROM unnest($1::text[], $2::text[]) AS s (id, e), endpoint e WHERE e.id = s.e`,
    [ids('sec', endpointIds.length), endpointIds],
  );
  await dataSource.query(
    `INSERT INTO message (id, app_id, event_type, event_id, channels, tags, payload, payload_expires_at)
     SELECT i.id, ($2::text[])[1 + i.n % $3::int], 'type-' || i.n % 50, 'event-' || i.n,
            CASE WHEN i.n % 3 = 0 THEN ARRAY['red'] END, CASE WHEN i.n % 7 = 0 THEN ARRAY['first'] END,
            convert_to(repeat('x', 1000), 'UTF8'), now() + interval '30 days'
     FROM unnest($1::text[]) WITH ORDINALITY AS i (id, n)`,
    [messageIds, busy, BUSY_APPLICATIONS],
  );
  await dataSource.query(
    `INSERT INTO message_event_id (app_id, event_id, message_id) SELECT app_id, event_id, id FROM message`,
  );
  await insertAttempts(dataSource, attemptIds, messageIds, endpointIds);
  await dataSource.query(
    `INSERT INTO pending_delivery (message_id, endpoint_id, is_manual, app_id, attempt_number, due_at)
     SELECT message_id, endpoint_id, false, app_id, 1, now() + interval '1 hour' FROM attempt`,
  );
  await dataSource.query(
    `INSERT INTO dispatch (id, app_ids, message_ids) SELECT 'dsp_' || substr(id, 5), ARRAY[app_id], ARRAY[id]
     FROM message ORDER BY id DESC LIMIT 3000`,
  );
  await dataSource.query('ANALYZE');
  return pick(dataSource, { orgId: orgIds[0] ?? '', appId: busy[0] ?? '', nowMs, startMs });
}

/** Every message was attempted at endpoints of its application: the n-th endpoint belongs to application n % BUSY_APPLICATIONS. */
async function insertAttempts(
  dataSource: DataSource,
  attemptIds: string[],
  messageIds: string[],
  endpointIds: string[],
): Promise<void> {
  await dataSource.query(
    `INSERT INTO attempt (id, message_id, endpoint_id, app_id, attempt_number, is_manual, is_success,
                          response_status_code, response_duration_ms, url, response)
     SELECT i.id, m.id, ($3::text[])[1 + (m.n - 1) % $4::int + $4::int * (i.n % 5)], m.app_id, 0, false, i.n % 20 <> 0,
            CASE WHEN i.n % 20 = 0 THEN 500 ELSE 200 END, 5, 'https://example.com/', 'ok'
     FROM unnest($1::text[]) WITH ORDINALITY AS i (id, n)
     JOIN (SELECT k.id, k.n, x.app_id FROM unnest($2::text[]) WITH ORDINALITY AS k (id, n) JOIN message x ON x.id = k.id) m
       ON m.n = 1 + (i.n - 1) / $5::int`,
    [attemptIds, messageIds, endpointIds, BUSY_APPLICATIONS, ATTEMPTS_PER_MESSAGE],
  );
}

async function pick(
  dataSource: DataSource,
  known: { orgId: string; appId: string; nowMs: number; startMs: number },
): Promise<FilledTables> {
  const { orgId, appId, nowMs, startMs } = known;
  const idsOf = async (sql: string, value: string): Promise<string[]> =>
    (await dataSource.query<{ id: string }[]>(sql, [value])).map(({ id }) => id);
  const middleOf = (ids: string[]): string => ids[Math.floor(ids.length / 2)] ?? '';
  const applicationIds = await idsOf('SELECT id FROM application WHERE org_id = $1 ORDER BY id', orgId);
  const messageIds = await idsOf('SELECT id FROM message WHERE app_id = $1 ORDER BY id', appId);
  const messageId = middleOf(messageIds);
  const attempts = await dataSource.query<{ id: string; endpointId: string }[]>(
    'SELECT id, endpoint_id AS "endpointId" FROM attempt WHERE message_id = $1 ORDER BY id',
    [messageId],
  );
  return {
    orgId,
    appId,
    applicationId: middleOf(applicationIds),
    endpointId: attempts[0]?.endpointId ?? '',
    endpointIds: await idsOf('SELECT id FROM endpoint WHERE app_id = $1 ORDER BY id', appId),
    messageId,
    messageIds,
    attemptId: attempts[0]?.id ?? '',
    middle: new Date((startMs + nowMs) / 2),
    now: new Date(nowMs),
    nonEmpty: new Set(
      (
        await dataSource.query<{ name: string }[]>('SELECT relname::text AS name FROM pg_class WHERE reltuples > 0')
      ).map(({ name }) => name),
    ),
  };
}
