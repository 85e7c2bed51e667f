import { compareReadings, type Reading } from './measurement';

const begin: Reading = { at: 1_000, deliveries: 100, cpu: { serverMs: 50, postgresMs: 20, redisMs: 5 }, commits: 7 };

describe('compareReadings', () => {
  it('divides by messages and by deliveries', () => {
    const end = { at: 3_000, deliveries: 4_100, cpu: { serverMs: 250, postgresMs: 120, redisMs: 25 }, commits: 57 };

    expect(compareReadings(begin, end, 20)).toEqual({
      seconds: 2,
      deliveriesPerSecond: 2_000,
      messagesPerSecond: 100,
      cpuServerPerMessageUs: 1_000,
      cpuPostgresPerMessageUs: 500,
      cpuRedisPerMessageUs: 100,
      cpuPerMessageUs: 1_600,
      cpuPerDeliveryUs: 80,
      transactionsPerMessage: 0.25,
    });
  });

  it('knows no figure where a reading is missing or nothing was delivered', () => {
    const idle = compareReadings(begin, { ...begin, at: 2_000 }, 1);
    const blind = compareReadings({ ...begin, cpu: null, commits: null }, { ...begin, at: 2_000, deliveries: 200 }, 1);

    expect(idle).toMatchObject({ messagesPerSecond: 0, cpuServerPerMessageUs: null, transactionsPerMessage: null });
    expect(blind).toMatchObject({ messagesPerSecond: 100, cpuPerDeliveryUs: null, transactionsPerMessage: null });
  });
});
