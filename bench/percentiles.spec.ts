import { percentiles } from './percentiles';

describe('percentiles', () => {
  it('takes the nearest rank whatever the order of the values', () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index);

    expect(percentiles(values)).toEqual({ count: 200, p50: 100, p95: 190, p99: 198, max: 200 });
    expect(values[0]).toBe(200);
  });

  it('gives the one value for every percentile of a single measurement', () => {
    expect(percentiles([7])).toEqual({ count: 1, p50: 7, p95: 7, p99: 7, max: 7 });
  });

  it('gives null when nothing was measured', () => {
    expect(percentiles([])).toBeNull();
  });
});
