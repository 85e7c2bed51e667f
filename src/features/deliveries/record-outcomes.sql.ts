/** What an attempt means to its delivery, as the statement takes it. */
export const ENDING = { none: 0, failure: 1, success: 2 } as const;

/** Attempts of many deliveries; $1 to $13. One number tells success and end: each array more costs a percent. */
function attempts(isRepeated: boolean): string {
  return `
  attempts AS (
    INSERT INTO attempt (id, message_id, endpoint_id, app_id, attempt_number, is_manual, is_success,
                         response_status_code, response_duration_ms, url, response, is_final)
    SELECT a.id, a.message_id, a.endpoint_id, a.app_id, a.attempt_number, a.is_manual,
           a.ending = ${ENDING.success}, a.status_code, a.duration_ms, a.url,
           substring($11::bytea FROM a.start FOR a.length), a.ending <> ${ENDING.none}
    FROM unnest(
      string_to_array($1, ','), string_to_array($2, ','), string_to_array($3, ','), string_to_array($4, ','),
      string_to_array($5, ',')::smallint[], string_to_array($6, ',')::boolean[], string_to_array($7, ',')::smallint[],
      string_to_array($8, ',')::smallint[], string_to_array($9, ',')::int[], string_to_array($10, ' '),
      string_to_array($12, ',')::int[], string_to_array($13, ',')::int[]
    ) AS a (id, message_id, endpoint_id, app_id, attempt_number, is_manual, ending, status_code, duration_ms, url,
            start, length)
    ${isRepeated ? 'ON CONFLICT DO NOTHING' : ''}
  )`;
}

/** Dispatch rows whose deliveries are all recorded or pending; $14. */
const DISPATCHES = `
  dispatches AS (DELETE FROM dispatch WHERE id = ANY (string_to_array($14, ',')))`;

const PENDING = `
  inserted AS (
    INSERT INTO pending_delivery (message_id, endpoint_id, is_manual, app_id, attempt_number, due_at, claim)
    SELECT i.message_id, i.endpoint_id, i.is_manual, i.app_id, i.attempt_number, to_timestamp(i.due_at / 1000), i.claim
    FROM unnest(
      string_to_array($15, ','), string_to_array($16, ','), string_to_array($17, ',')::boolean[],
      string_to_array($18, ','), string_to_array($19, ',')::smallint[], string_to_array($20, ',')::float8[],
      string_to_array($21, ',', ''), string_to_array($22, ',')
    ) AS i (message_id, endpoint_id, is_manual, app_id, attempt_number, due_at, claim, dispatch_id)
    WHERE EXISTS (SELECT FROM dispatch d WHERE d.id = i.dispatch_id)
    ON CONFLICT DO NOTHING
  ),
  updated AS (
    UPDATE pending_delivery p
    SET due_at = to_timestamp(u.due_at / 1000), attempt_number = u.attempt_number, claim = NULL
    FROM unnest(
      string_to_array($23, ','), string_to_array($24, ','), string_to_array($25, ',')::boolean[],
      string_to_array($26, ','), string_to_array($27, ',')::smallint[], string_to_array($28, ',')::float8[]
    ) AS u (message_id, endpoint_id, is_manual, claim, attempt_number, due_at)
    WHERE p.message_id = u.message_id AND p.endpoint_id = u.endpoint_id AND p.is_manual = u.is_manual
      AND p.claim = u.claim
  ),
  deleted AS (
    DELETE FROM pending_delivery p
    USING unnest(
      string_to_array($29, ','), string_to_array($30, ','), string_to_array($31, ',')::boolean[],
      string_to_array($32, ',')
    ) AS x (message_id, endpoint_id, is_manual, claim)
    WHERE p.message_id = x.message_id AND p.endpoint_id = x.endpoint_id AND p.is_manual = x.is_manual
      AND p.claim = x.claim
  )`;

/**
 * One transaction in one round trip. The short form is for the usual case: everything was delivered at once. A repetition
 * changes nothing when the first try was committed after all and only its answer got lost.
 */
export function recordOutcomesSql(hasPending: boolean, isRepeated: boolean): string {
  return `WITH ${[attempts(isRepeated), DISPATCHES, ...(hasPending ? [PENDING] : [])].join(',')} SELECT 1`;
}
