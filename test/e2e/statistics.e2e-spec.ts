import { Rollup } from '@/features/statistics/rollup';
import { eventually } from '../support/eventually';
import { type Customer, Scene } from '../support/scene';

const DAY_MS = 24 * 3_600_000;

jest.setTimeout(30_000);

describe('statistics of an endpoint', () => {
  let scene: Scene;
  let customer: Customer;

  beforeAll(async () => {
    scene = await Scene.start({ RETRY_SCHEDULE: '1,3600' });
    customer = await scene.newCustomer({ uid: 'my-endpoint' });
  }, 60_000);

  afterAll(() => scene.stop());

  const stats = ({ appId, endpointId }: Customer): Promise<unknown> => scene.svix.endpoint.getStats(appId, endpointId);

  async function sendAndWait(to: Customer, attempts: number): Promise<string> {
    const id = await scene.send(to.appId);
    await eventually(async () => expect(await scene.attempts(to.appId, id)).toHaveLength(attempts));
    return id;
  }

  it('count deliveries, not attempts, as the SDK asks for them', async () => {
    const { appId, endpointId, path } = customer;
    expect(await stats(customer)).toEqual({ success: 0, fail: 0, pending: 0, sending: 0, canceled: 0 });
    scene.receiver.script(path, [{ status: 200 }, { status: 500 }, { status: 200 }, { status: 500 }, { status: 500 }]);

    await sendAndWait(customer, 1);
    await sendAndWait(customer, 2);
    await sendAndWait(customer, 2);

    expect(await stats(customer)).toEqual({ success: 2, fail: 0, pending: 1, sending: 0, canceled: 0 });
    await scene.server.app.get(Rollup).run();
    const since = new Date(Date.now() - DAY_MS);
    expect(await scene.svix.endpoint.getStats(appId, endpointId, { since, until: new Date() })).toMatchObject({
      success: 2,
      pending: 1,
    });
    expect(await scene.svix.endpoint.getStats(appId, 'my-endpoint', { until: since })).toMatchObject({ success: 0 });
  });

  it('count a delivery that is given up as failed, until it is resent', async () => {
    const other = await scene.newCustomer();
    scene.receiver.script(other.path, [{ status: 410 }, { status: 200 }, { status: 200 }]);
    const id = await sendAndWait(other, 1);
    expect(await stats(other)).toEqual({ success: 0, fail: 1, pending: 0, sending: 0, canceled: 0 });

    await scene.ok('PATCH', `/app/${other.appId}/endpoint/${other.endpointId}`, { disabled: false });
    for (const attempts of [2, 3]) {
      await scene.ok('POST', `/app/${other.appId}/msg/${id}/endpoint/${other.endpointId}/resend`);
      await eventually(async () => expect(await scene.attempts(other.appId, id)).toHaveLength(attempts));
    }

    await eventually(async () =>
      expect(await stats(other)).toEqual({ success: 1, fail: 1, pending: 0, sending: 0, canceled: 0 }),
    );
  });

  describe('refuse', () => {
    const path = (): string => `/app/${customer.appId}/endpoint/${customer.endpointId}/stats`;
    const at = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString();

    it.each([
      ['an end in the future', () => `until=${at(1)}`, 'invalid_range'],
      ['more than 28 days', () => `since=${at(-29)}`, 'invalid_range'],
      ['more than 28 days before an end', () => `since=${at(-40)}&until=${at(-10)}`, 'invalid_range'],
      ['a date without a time', () => 'since=2026-01-31', 'generic_error'],
      ['two ends', () => `until=${at(-1)}&until=${at(-2)}`, 'generic_error'],
    ])('%s', async (_, query, code) => {
      expect(await scene.call('GET', `${path()}?${query()}`)).toMatchObject({ status: 400, body: { code } });
    });

    it('no span that ends before it begins: it is empty', async () => {
      expect(await scene.ok('GET', `${path()}?since=${at(-1)}&until=${at(-2)}`)).toMatchObject({ success: 0, fail: 0 });
      expect((await scene.call('GET', `${path()}?since=${at(-28)}`)).status).toBe(200);
      expect((await scene.call('GET', `${path()}?until=0001-01-01T00:00:00Z`)).status).toBe(200);
    });

    it('what does not exist, or belongs to others', async () => {
      const { appId, endpointId } = customer;
      const stranger = await scene.newCustomer();
      const statusOf = async (url: string, options: { orgId?: string; appId?: string } = {}): Promise<number> =>
        (await scene.call('GET', url, undefined, undefined, scene.server.token(options))).status;

      expect(await statusOf(`/app/${appId}/endpoint/nobody/stats`)).toBe(404);
      expect(await statusOf(`/app/${stranger.appId}/endpoint/${endpointId}/stats`)).toBe(404);
      expect(await statusOf(path(), { orgId: 'org_2mXLPKqXdU5bY8rVvY6jvBEuCbD' })).toBe(404);
      expect(await statusOf(path(), { appId: stranger.appId })).toBe(404);
      expect(await statusOf(path(), { appId })).toBe(200);
    });
  });
});
