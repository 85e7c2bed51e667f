import { newId, timeOfId } from '@libs/sortable-id/sortable-id';
import { DataSource } from 'typeorm';
import { Clock } from '@/common/clock';
import { dataSourceOptions } from '@/infra/database/data-source-options';
import { ensurePartitions } from '@/infra/database/partitions';
import { Metrics } from '@/infra/observability/metrics';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database';
import { insertAttempts } from './attempts.fixture';
import { Rollup } from './rollup';
import { RollupRepository } from './rollup.repository';
import { StatisticsRepository } from './statistics.repository';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A midnight. Counting begins with the oldest partition, which is made to be the one of this day. */
const START_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS + 10 * DAY_MS;

class TurnedClock extends Clock {
  nowMs = START_MS;

  now(): number {
    return this.nowMs;
  }
}

interface Hour {
  endpoint: string;
  hour: number;
  successes: number;
  failures: number;
  attempts: number;
  failed: number;
  duration: number;
}

jest.setTimeout(60_000);

describe('Rollup', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let clock: TurnedClock;
  let rollup: Rollup;
  let reader: StatisticsRepository;
  let metrics: Metrics;
  let endpoints: string[];

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await new DataSource(dataSourceOptions(database.url, 6)).initialize();
    const days = await dataSource.query<{ name: string }[]>(
      `SELECT relname::text AS name FROM pg_class WHERE relname ~ '^attempt_[0-9]{8}$'`,
    );
    for (const { name } of days) {
      await dataSource.query(`DROP TABLE ${name}`);
    }
    await ensurePartitions(dataSource, START_MS);
  });

  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  beforeEach(async () => {
    await dataSource.query('TRUNCATE attempt, endpoint_hour, counted_hour, pending_delivery, endpoint_pending');
    clock = new TurnedClock();
    reader = new StatisticsRepository(dataSource);
    metrics = new Metrics();
    rollup = newRollup(metrics);
    endpoints = [newId('ep', START_MS), newId('ep', START_MS)];
  });

  const newRollup = (to = new Metrics()): Rollup => new Rollup(new RollupRepository(dataSource), clock, to);

  /** 300 attempts in three hours at two endpoints, one in five failed for good, one in seven failed and to be retried. */
  const fill = (): Promise<void> =>
    insertAttempts(
      dataSource,
      Array.from({ length: 300 }, (_, n) => ({
        atMs: START_MS + Math.floor((n * 3 * HOUR_MS) / 300) + 7,
        endpointId: endpoints[n % 2] ?? '',
        isSuccess: n % 5 !== 0 && n % 7 !== 0,
        isFinal: n % 7 !== 0,
        durationMs: n,
      })),
    );

  async function rolledUp(): Promise<Hour[]> {
    const rows = await dataSource.query<(Omit<Hour, 'hour'> & { hour: Date })[]>(
      `SELECT endpoint_id AS endpoint, hour, successes, failures, attempts, failed_attempts AS failed,
         duration_ms::int AS duration FROM endpoint_hour ORDER BY hour, endpoint_id`,
    );
    return rows.map((row) => ({ ...row, hour: (row.hour.getTime() - START_MS) / HOUR_MS }));
  }

  /** The same counted directly; right as long as no delivery has two attempts. */
  async function counted(): Promise<Hour[]> {
    const rows = await dataSource.query<{ id: string; endpoint: string; ok: boolean; final: boolean; ms: number }[]>(
      `SELECT id, endpoint_id AS endpoint, is_success AS ok, is_final AS final, response_duration_ms AS ms FROM attempt`,
    );
    const hours = new Map<string, Hour>();
    for (const { id, endpoint, ok, final, ms } of rows) {
      const hour = Math.floor((timeOfId(id) - START_MS) / HOUR_MS);
      const key = `${hour} ${endpoint}`;
      const sum = hours.get(key) ?? { endpoint, hour, successes: 0, failures: 0, attempts: 0, failed: 0, duration: 0 };
      hours.set(key, {
        ...sum,
        successes: sum.successes + Number(ok),
        failures: sum.failures + Number(final && !ok),
        attempts: sum.attempts + 1,
        failed: sum.failed + Number(!ok),
        duration: sum.duration + ms,
      });
    }
    return [...hours.values()].sort(
      (a, b) => a.hour - b.hour || Buffer.compare(Buffer.from(a.endpoint), Buffer.from(b.endpoint)),
    );
  }

  async function tick(nowMs: number): Promise<void> {
    clock.nowMs = nowMs;
    await rollup.run();
  }

  it('counts what a direct count gives, minute by minute and again when it runs again', async () => {
    await fill();
    for (let minute = 0; minute <= 185; minute += 7) {
      await tick(START_MS + minute * MINUTE_MS);
    }
    await tick(START_MS + 185 * MINUTE_MS);
    const exact = await counted();

    expect(await rolledUp()).toEqual(exact);
    expect(exact.map(({ attempts }) => attempts)).toEqual([50, 50, 50, 50, 50, 50]);

    await rollup.run();
    await tick(START_MS + 3 * DAY_MS);
    await newRollup().run();

    expect(await rolledUp()).toEqual(exact);
  });

  it('answers the same whether an hour is rolled up wholly, partly or not at all', async () => {
    await fill();
    const totals: unknown[] = [];
    for (const minutes of [0, 30, 95, 182, 195, 2 * 24 * 60]) {
      await tick(START_MS + minutes * MINUTE_MS);
      totals.push(await reader.countDeliveries(endpoints[0] ?? '', START_MS - DAY_MS, START_MS + 3 * HOUR_MS));
    }

    const [first] = totals;
    expect(first).toEqual({ success: expect.any(Number), fail: expect.any(Number), pending: 0 });
    const exact = (await counted()).filter(({ endpoint }) => endpoint === endpoints[0]);
    expect(first).toMatchObject({ success: exact.reduce((sum, row) => sum + row.successes, 0) });
    expect(first).toMatchObject({ fail: exact.reduce((sum, row) => sum + row.failures, 0) });
    expect(totals).toEqual(totals.map(() => first));
  });

  it('counts whole hours of what is rolled up, and exactly to the moment what is not', async () => {
    const [endpointId = ''] = endpoints;
    await insertAttempts(
      dataSource,
      [10, 50, 70, 110].map((minute) => ({ atMs: START_MS + minute * MINUTE_MS, endpointId })),
    );
    const between = async (from: number, to: number): Promise<number> =>
      (await reader.countDeliveries(endpointId, START_MS + from * MINUTE_MS, START_MS + to * MINUTE_MS)).success;

    expect([await between(0, 120), await between(20, 60), await between(50, 70), await between(60, 20)]).toEqual([
      4, 1, 1, 0,
    ]);

    await tick(START_MS + 62 * MINUTE_MS);
    expect([await between(0, 120), await between(20, 40), await between(70, 71), await between(60, 70)]).toEqual([
      4, 2, 1, 0,
    ]);
  });

  it('gives the same when many processes do it at once', async () => {
    await fill();
    clock.nowMs = START_MS + 185 * MINUTE_MS;
    const others = Array.from({ length: 4 }, () => newRollup());

    await Promise.all([rollup, ...others].map((one) => one.run()));
    await rollup.run();

    expect(await rolledUp()).toEqual(await counted());
  });

  it('counts attempts that are recorded late within the hour, and once more after a day', async () => {
    const [endpointId = ''] = endpoints;
    const late = (minute: number): Promise<void> =>
      insertAttempts(dataSource, [{ atMs: START_MS + minute * MINUTE_MS, endpointId }]);
    const count = async (): Promise<number> =>
      (await reader.countDeliveries(endpointId, START_MS, clock.nowMs)).success;
    await late(5);
    await tick(START_MS + 30 * MINUTE_MS);
    expect(await count()).toBe(1);

    await late(10);
    await tick(START_MS + 65 * MINUTE_MS);
    expect(await count()).toBe(1);
    await tick(START_MS + 71 * MINUTE_MS);
    expect(await count()).toBe(2);

    await late(20);
    await tick(START_MS + 12 * HOUR_MS);
    expect(await count()).toBe(2);
    await tick(START_MS + 25 * HOUR_MS);
    expect(await count()).toBe(3);
  });

  it('counts an hour anew that it had begun to count before a long absence', async () => {
    const [endpointId = ''] = endpoints;
    const recordAt = (minute: number): Promise<void> =>
      insertAttempts(dataSource, [{ atMs: START_MS + minute * MINUTE_MS, endpointId }]);
    await recordAt(5);
    await tick(START_MS + 30 * MINUTE_MS);
    await recordAt(10);

    await tick(START_MS + 3 * DAY_MS);

    expect((await rolledUp()).map(({ attempts }) => attempts)).toEqual([2]);
  });

  it('catches up after days without a scheduler, oldest first, and a run that is cut off loses nothing', async () => {
    await fill();
    await tick(START_MS + 10 * MINUTE_MS);
    clock.nowMs = START_MS + 4 * DAY_MS;
    // Time passes with every look at the clock, so that a run comes only so far.
    jest.spyOn(clock, 'now').mockImplementation(() => (clock.nowMs += 2_000));
    await rollup.run();
    const [mark] = await dataSource.query<{ hour: Date }[]>('SELECT max(hour) AS hour FROM counted_hour');
    expect(mark?.hour.getTime()).toBeGreaterThan(START_MS + HOUR_MS);
    expect(mark?.hour.getTime()).toBeLessThan(START_MS + DAY_MS);

    for (let run = 0; run < 40; run++) {
      await rollup.run();
    }

    expect(await rolledUp()).toEqual(await counted());
    const [end] = await dataSource.query<{ hour: Date }[]>('SELECT max(hour) AS hour FROM counted_hour');
    expect(end?.hour.getTime()).toBe(START_MS + 4 * DAY_MS);
  });

  it('keeps the first count of an hour whose attempts are gone', async () => {
    await fill();
    await tick(START_MS + 4 * HOUR_MS);
    const exact = await rolledUp();
    await dataSource.query('TRUNCATE attempt');

    await tick(START_MS + 2 * DAY_MS);

    expect(await rolledUp()).toEqual(exact);
    expect(
      await dataSource.query('SELECT 1 FROM counted_hour WHERE recount_at <= $1', [new Date(clock.nowMs)]),
    ).toEqual([]);
  });

  it('counts a delivery once, however many attempts it took', async () => {
    const [endpointId = ''] = endpoints;
    const messages = ['retried', 'given up', 'resent', 'resent and given up', 'twice'].map(() =>
      newId('msg', START_MS),
    );
    const [retried, givenUp, resent, rescued, twice] = messages;
    const failure = { endpointId, isSuccess: false, isFinal: false };
    const at = (minute: number): { atMs: number } => ({ atMs: START_MS + minute * MINUTE_MS });
    await insertAttempts(dataSource, [
      { ...failure, ...at(1), messageId: retried },
      { endpointId, ...at(62), messageId: retried, attemptNumber: 1 },
      { ...failure, ...at(1), messageId: givenUp },
      { ...failure, ...at(62), messageId: givenUp, attemptNumber: 1, isFinal: true },
      { ...failure, ...at(63), messageId: givenUp, isManual: true, isFinal: true },
      { endpointId, ...at(1), messageId: resent },
      { endpointId, ...at(63), messageId: resent, isManual: true },
      { ...failure, ...at(1), messageId: rescued },
      { endpointId, ...at(2), messageId: rescued, isManual: true },
      { ...failure, ...at(64), messageId: rescued, attemptNumber: 1, isFinal: true },
      { ...failure, ...at(1), messageId: twice },
      { endpointId, ...at(3), messageId: twice, isManual: true },
      { endpointId, ...at(65), messageId: twice, attemptNumber: 1 },
    ]);
    const expected = { success: 4, fail: 1, pending: 0 };

    expect(await reader.countDeliveries(endpointId, START_MS, START_MS + 2 * HOUR_MS)).toEqual(expected);
    await tick(START_MS + 5 * HOUR_MS);
    expect(await reader.countDeliveries(endpointId, START_MS, START_MS + 2 * HOUR_MS)).toEqual(expected);
    expect((await rolledUp()).map(({ attempts, failed, successes }) => [attempts, failed, successes])).toEqual([
      [7, 4, 3],
      [6, 3, 1],
    ]);
  });

  it('counts what waits, from the table itself and from the last count of a large one', async () => {
    const [endpointId = '', other = ''] = endpoints;
    const pending = (endpoint: string, count: number): Promise<unknown> =>
      dataSource.query(
        `INSERT INTO pending_delivery (message_id, endpoint_id, is_manual, app_id, attempt_number, due_at)
         SELECT 'msg_' || random() || n, $1, false, 'app', 1, now() FROM generate_series(1, $2::int) AS n`,
        [endpoint, count],
      );
    const waiting = async (): Promise<number> =>
      (await reader.countDeliveries(endpointId, START_MS, START_MS + HOUR_MS)).pending;
    await pending(endpointId, 3);
    expect(await waiting()).toBe(3);

    await pending(other, 60_000);
    await rollup.run();
    expect(await waiting()).toBe(3);
    await pending(endpointId, 1);
    expect(await waiting()).toBe(3);
    await Promise.all([rollup.run(), newRollup().run()]);
    expect(await waiting()).toBe(4);
  });

  it('deletes counts after 400 days, and goes on where it was', async () => {
    await fill();
    await tick(START_MS + 3 * HOUR_MS + 30 * MINUTE_MS);
    await insertAttempts(dataSource, [{ atMs: START_MS + 3 * HOUR_MS, endpointId: endpoints[0] ?? '' }]);
    clock.nowMs = START_MS + 400 * DAY_MS + 2 * HOUR_MS;

    await rollup.deleteOld();

    expect(new Set((await rolledUp()).map(({ hour }) => hour))).toEqual(new Set([2]));
    clock.nowMs += 365 * DAY_MS;
    await rollup.deleteOld();
    expect(await rolledUp()).toEqual([]);
    expect(await dataSource.query('SELECT hour FROM counted_hour')).toEqual([
      { hour: new Date(START_MS + 3 * HOUR_MS) },
    ]);
  });

  it('tells how far behind it is', async () => {
    const lag = async (): Promise<number> => {
      const text = await metrics.registry.metrics();
      return Number(/^posthorn_statistics_lag_seconds (\S+)$/m.exec(text)?.[1]);
    };
    await tick(START_MS + 30 * MINUTE_MS);
    expect(await lag()).toBe(60);
    clock.nowMs += 10 * MINUTE_MS;
    expect(await lag()).toBe(660);
    await rollup.run();
    expect(await lag()).toBe(60);
  });

  it('stops between two slices when the process ends, and leaves everything as it was', async () => {
    await fill();
    clock.nowMs = START_MS + 5 * HOUR_MS;
    rollup.onModuleDestroy();

    await rollup.run();

    expect(await rolledUp()).toEqual([]);
    await newRollup().run();
    expect(await rolledUp()).toEqual(await counted());
  });
});
