import { callApi } from '../support/api';
import { eventually } from '../support/eventually';
import { startTestApp, type TestApp } from '../support/test-app';

const LIMIT = 5;

describe('throttling', () => {
  describe('of a token', () => {
    let server: TestApp;

    beforeAll(async () => {
      server = await startTestApp({ RATE_LIMIT_PER_TOKEN: String(LIMIT) });
    }, 60_000);

    afterAll(() => server.stop(), 20_000);

    it('answers 429 with Retry-After over the limit, and goes on after that time', async () => {
      const token = server.token({ orgId: 'org_throttled' });
      const answers = await Promise.all(
        Array.from({ length: LIMIT * 4 }, () => callApi(server.url, token, 'GET', '/app')),
      );
      const refused = answers.filter(({ status }) => status === 429);
      const [first] = refused;

      expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(LIMIT);
      expect(refused.length).toBeGreaterThan(0);
      expect(first?.body).toEqual({
        code: 'rate_limited',
        detail: expect.stringContaining('Retry-After'),
        requestId: first?.headers.get('x-request-id'),
      });
      expect(first?.headers.get('retry-after')).toBe('1');
      await eventually(async () => expect((await callApi(server.url, token, 'GET', '/app')).status).toBe(200));
    });

    it('counts all paths together, and every token for itself', async () => {
      const [one, two] = [server.token({ orgId: 'org_one' }), server.token({ orgId: 'org_two' })];
      const paths = ['/app', '/event-type', '/app/none', '/app/none/msg', '/event-type/none'];
      const answers = await Promise.all(
        [...paths, ...paths, ...paths, ...paths].map((path) => callApi(server.url, one, 'GET', path)),
      );

      expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
      expect((await callApi(server.url, two, 'GET', '/app')).status).toBe(200);
    });
  });

  describe('of an address', () => {
    let server: TestApp;

    beforeAll(async () => {
      server = await startTestApp({ RATE_LIMIT_PER_ADDRESS: String(LIMIT) });
    }, 60_000);

    afterAll(() => server.stop(), 20_000);

    it('limits the guessing of tokens', async () => {
      const statuses = await Promise.all(
        Array.from({ length: LIMIT * 4 }, async (_, index) => {
          const { status } = await callApi(server.url, `guess-${index}`, 'GET', '/app');
          return status;
        }),
      );

      expect(new Set(statuses)).toEqual(new Set([401, 429]));
      expect(statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(LIMIT);
    });
  });
});
