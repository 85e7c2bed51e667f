/** Latencies in milliseconds; null when nothing was measured. */
export interface Percentiles {
  count: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** Exact percentiles (nearest rank) of a list of values; leaves the list as it is. */
export function percentiles(values: Iterable<number>): Percentiles | null {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) {
    return null;
  }
  const rank = (fraction: number): number => sorted[Math.ceil(fraction * sorted.length) - 1] ?? NaN;
  return { count: sorted.length, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) };
}
