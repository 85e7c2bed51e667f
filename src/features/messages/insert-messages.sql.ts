/** Which guards a batch needs; most batches need none, and then their statement is the shortest. */
export interface InsertGuards {
  hasEventIds: boolean;
  hasKeys: boolean;
  /** The content of some ends long before they do. */
  hasEarlyExpiries: boolean;
  /** The batch does not go to the queue: any worker may take it at once. */
  isFree: boolean;
}

const INPUT = `
  input AS (
    SELECT i.*, substring($5::bytea FROM i.start FOR i.length) AS payload
    FROM unnest(
      string_to_array($2, ','), string_to_array($3, ','), string_to_array($4, ','),
      string_to_array($6, ',')::int[], string_to_array($7, ',')::int[],
      string_to_array($8, ',')::boolean[], string_to_array($9, ',')::float8[],
      string_to_array($10, ',', ''), string_to_array($11, ';', ''), string_to_array($12, ';', ''),
      string_to_array($13, ',', '')::float8[], string_to_array($14, ',', '')
    ) AS i (id, app_id, event_type, start, length, is_json_object, payload_expires_at, event_id, channels, tags,
            deliver_at, key_hash)
  )`;

// Both tables are filled in the order of their keys, so that two batches with the same ones never wait for each other.

/** $15 is the present period, and the key counts when it is new in this period and the one before. */
const KEYS = `
  keys AS (
    INSERT INTO idempotency_key (period, key_hash, message_id)
    SELECT $15::int, decode(i.key_hash, 'hex'), i.id
    FROM input i
    WHERE i.key_hash IS NOT NULL AND NOT EXISTS (
      SELECT FROM idempotency_key k WHERE k.period = $15::int - 1 AND k.key_hash = decode(i.key_hash, 'hex'))
    ORDER BY i.key_hash
    ON CONFLICT DO NOTHING
    RETURNING message_id
  )`;

const BY_KEY = `(i.key_hash IS NULL OR i.id IN (SELECT message_id FROM keys))`;

function eventIds(guards: InsertGuards): string {
  return `
  event_ids AS (
    INSERT INTO message_event_id (app_id, event_id, message_id)
    SELECT i.app_id, i.event_id, i.id FROM input i
    WHERE i.event_id IS NOT NULL${guards.hasKeys ? ` AND ${BY_KEY}` : ''}
    ORDER BY i.app_id, i.event_id
    ON CONFLICT DO NOTHING
    RETURNING message_id
  )`;
}

/** What retention has to look at: most content goes with its whole partition, and needs no row. */
function expiries(limit: string): string {
  return `
  expiries AS (
    INSERT INTO payload_expiry (expires_at, app_id, message_id)
    SELECT s.payload_expires_at, s.app_id, s.id FROM stored s
    WHERE s.payload_expires_at < to_timestamp(${limit}::float8 / 1000)
  )`;
}

/**
 * One statement, so one round trip and one transaction: the messages of many requests and the dispatch row of the batch.
 * It returns the ids that were stored. Parameters: see `MessagesRepository.insertBatch`.
 */
export function insertMessagesSql(guards: InsertGuards): string {
  const conditions = [
    ...(guards.hasKeys ? [BY_KEY] : []),
    ...(guards.hasEventIds ? ['(i.event_id IS NULL OR i.id IN (SELECT message_id FROM event_ids))'] : []),
  ];
  return `
WITH ${[INPUT, ...(guards.hasKeys ? [KEYS] : []), ...(guards.hasEventIds ? [eventIds(guards)] : [])].join(',')},
  stored AS (
    INSERT INTO message (id, app_id, event_type, event_id, channels, tags, payload, is_json_object, payload_expires_at,
                         deliver_at)
    SELECT i.id, i.app_id, i.event_type, i.event_id, string_to_array(i.channels, ','), string_to_array(i.tags, ','),
           i.payload, i.is_json_object, to_timestamp(i.payload_expires_at / 1000), to_timestamp(i.deliver_at / 1000)
    FROM input i
    ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
    RETURNING id, app_id${guards.hasEarlyExpiries ? ', payload_expires_at' : ''}
  ),${guards.hasEarlyExpiries ? `${expiries(guards.hasKeys ? '$16' : '$15')},` : ''}
  outbox AS (
    INSERT INTO dispatch (id, app_ids, message_ids, claimed_until)
    SELECT $1, array_agg(s.app_id), array_agg(s.id), ${guards.isFree ? "timestamptz 'epoch'" : 'NULL'}
    FROM stored s HAVING count(*) > 0
  )
SELECT id FROM stored`;
}
