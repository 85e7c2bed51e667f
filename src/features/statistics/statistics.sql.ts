/** An attempt before `a` had brought the message of `a` to its endpoint. The id of a message is about as old as its first attempt. */
const HAD_SUCCEEDED = `EXISTS (
  SELECT FROM attempt e
  WHERE e.endpoint_id = a.endpoint_id AND e.message_id = a.message_id AND e.is_success
    AND e.id >= 'atmpt_' || substr(a.message_id, 5) AND e.id < a.id)`;

/** Attempts `a` with which a delivery succeeded: its first success. A first planned attempt has nothing before it to look up. */
export const SUCCESSES = `count(*) FILTER (
  WHERE a.is_success AND (a.attempt_number = 0 AND NOT a.is_manual OR NOT ${HAD_SUCCEEDED}))`;

/** Attempts `a` with which a delivery failed for good: the last planned one. A resend has no say in that. */
export const FAILURES = `count(*) FILTER (
  WHERE a.is_final AND NOT a.is_success AND NOT a.is_manual AND NOT ${HAD_SUCCEEDED})`;

/** Up to this size `pending_delivery` is read whole to count the rows of an endpoint: a few milliseconds, whatever is in it. */
export const SMALL_PENDING = `pg_relation_size('pending_delivery') <= 4 * 1024 * 1024`;
