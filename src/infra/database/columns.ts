/**
 * Columns of many rows as the parameters of one statement. `pg` spells an array out with quotes and escapes; texts
 * without commas travel cheaper as one joined text that Postgres splits: `unnest(string_to_array($1, ',', ''))`, where
 * an empty part is NULL.
 */
export function joined(values: readonly (string | number | boolean | null)[]): string {
  return values.join(',');
}

/** Byte strings as one buffer, with the length of each; Postgres cuts them out again by `substring`. */
export interface PackedBytes {
  bytes: Buffer;
  /** Joined: where each begins (1 is the first byte), empty for null. */
  starts: string;
  lengths: string;
}

/** Packs byte strings; the driver sends one buffer as it is, but an array of buffers as text of twice the size. */
export function packed(values: readonly (Buffer | null)[]): PackedBytes {
  const starts: (number | null)[] = [];
  const lengths: (number | null)[] = [];
  const parts: Buffer[] = [];
  let position = 1;
  for (const value of values) {
    starts.push(value === null ? null : position);
    lengths.push(value === null ? null : value.length);
    if (value !== null) {
      parts.push(value);
      position += value.length;
    }
  }
  return { bytes: Buffer.concat(parts), starts: joined(starts), lengths: joined(lengths) };
}
