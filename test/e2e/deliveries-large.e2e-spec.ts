import { eventually } from '../support/eventually';
import { Scene } from '../support/scene';

const MESSAGES = 8;
/** Each takes eight places of a budget of two. */
const PAYLOAD = { text: 'x'.repeat(1_000_000) };

jest.setTimeout(60_000);

describe('large payloads and small budgets', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.start({ DELIVERY_MAX_IN_FLIGHT: '2', RETRY_MAX_IN_FLIGHT: '2', RETRY_SCHEDULE: '0.2' });
  }, 60_000);

  afterAll(() => scene.stop());

  it('are delivered one at a time, and so are their retries', async () => {
    const customer = await scene.newCustomer();
    const seen = new Set<unknown>();
    /** First attempts and retries under way, and the most that there were at once. */
    const underWay = { first: 0, retry: 0 };
    const most = { first: 0, retry: 0 };
    scene.receiver.script(customer.path, async ({ headers }) => {
      const kind = seen.has(headers['svix-id']) ? 'retry' : 'first';
      seen.add(headers['svix-id']);
      most[kind] = Math.max(most[kind], ++underWay[kind]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      underWay[kind]--;
      return { status: kind === 'first' ? 500 : 200 };
    });
    const ids = await Promise.all(
      Array.from({ length: MESSAGES }, () => scene.send(customer.appId, { payload: PAYLOAD })),
    );

    for (const id of ids) {
      await eventually(async () => {
        const attempts = await scene.attempts(customer.appId, id);
        expect(attempts.map(({ responseStatusCode }) => responseStatusCode)).toEqual([500, 200]);
      }, 40_000);
    }
    expect(await scene.sql('SELECT 1 FROM pending_delivery')).toEqual([]);
    expect(most).toEqual({ first: 1, retry: 1 });
  });
});
