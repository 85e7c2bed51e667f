/**
 * True while a delivery of a message older than $1 is not finished, or a batch older than $2 is not settled. In the same
 * statement as a DELETE, so that a message that is accepted meanwhile cannot slip through.
 */
export const HAS_UNFINISHED = `(
  coalesce((SELECT min(message_id) FROM pending_delivery) < $1, false)
  OR coalesce((SELECT min(id) FROM dispatch) < $2, false))`;

/** Deletes of a table in the order of a column, or an expression, that must have an index. The texts are SQL. */
interface DeleteParts {
  table: string;
  column: string;
  condition: string;
  /** Least value of the column: what is deleted stays in the index until a vacuum, and is slow to walk over again. */
  from: string;
  limit: string;
}

/** Deletes the first rows that meet the condition. Rows that another scheduler is deleting are left to it. */
export function deleteSql({ table, column, condition, from, limit }: DeleteParts): string {
  return `
DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM ${table} WHERE ${column} >= ${from} AND ${condition}
  ORDER BY ${column} LIMIT ${limit} FOR UPDATE SKIP LOCKED))`;
}
