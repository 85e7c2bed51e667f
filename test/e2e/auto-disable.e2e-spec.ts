import { eventually } from '../support/eventually';
import { type Customer, Scene } from '../support/scene';

jest.setTimeout(30_000);

describe('an endpoint that keeps failing', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.start({ RETRY_SCHEDULE: '' });
  }, 60_000);

  afterAll(() => scene.stop());

  async function stateOf({ endpointId }: Customer): Promise<{ disabled: boolean; since: Date | null }> {
    const [row] = await scene.sql<{ disabled: boolean; since: Date | null }>(
      'SELECT is_disabled AS disabled, failing_since AS since FROM endpoint WHERE id = $1',
      [endpointId],
    );
    return row ?? { disabled: false, since: null };
  }

  /** Sets back since when it has failed; the change reaches the worker as any other change does. */
  async function failingFor(customer: Customer, interval: string): Promise<void> {
    await scene.sql('UPDATE endpoint SET failing_since = now() - $2::interval WHERE id = $1', [
      customer.endpointId,
      interval,
    ]);
    await scene.ok('PATCH', `/app/${customer.appId}/endpoint/${customer.endpointId}`, { description: interval });
  }

  async function attempt(customer: Customer): Promise<void> {
    const id = await scene.send(customer.appId);
    await eventually(async () => expect(await scene.attempts(customer.appId, id)).toHaveLength(1));
  }

  async function failingCustomer(): Promise<Customer> {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, { status: 500 });
    await attempt(customer);
    await eventually(async () => expect((await stateOf(customer)).since).not.toBeNull());
    return customer;
  }

  it.concurrent('is disabled after five days, and gets nothing more', async () => {
    const customer = await failingCustomer();
    await failingFor(customer, '5 days 1 minute');
    await attempt(customer);

    await eventually(async () => expect((await stateOf(customer)).disabled).toBe(true));
    expect(await scene.svix.endpoint.get(customer.appId, customer.endpointId)).toMatchObject({ disabled: true });
    await scene.send(customer.appId);
    await eventually(async () =>
      expect(await scene.sql('SELECT 1 FROM dispatch WHERE $1 = ANY (app_ids)', [customer.appId])).toEqual([]),
    );
    expect(scene.receiver.requestsTo(customer.path)).toHaveLength(2);
  });

  it.concurrent('is not disabled before', async () => {
    const customer = await failingCustomer();
    await failingFor(customer, '4 days 23 hours');
    const { since } = await stateOf(customer);
    await attempt(customer);
    await attempt(customer);

    expect(await stateOf(customer)).toEqual({ disabled: false, since });
  });

  it.concurrent('is forgiven everything by one success', async () => {
    const customer = await failingCustomer();
    await failingFor(customer, '4 days 23 hours');
    scene.receiver.script(customer.path, {});
    await attempt(customer);
    await eventually(async () => expect(await stateOf(customer)).toEqual({ disabled: false, since: null }));

    scene.receiver.script(customer.path, { status: 500 });
    await attempt(customer);
    await eventually(async () => {
      const { since } = await stateOf(customer);
      expect(Date.now() - (since?.getTime() ?? 0)).toBeLessThan(10_000);
    });
  });

  it.concurrent('starts afresh when it is enabled again', async () => {
    const customer = await failingCustomer();
    await failingFor(customer, '6 days');
    await attempt(customer);
    await eventually(async () => expect((await stateOf(customer)).disabled).toBe(true));

    await scene.ok('PATCH', `/app/${customer.appId}/endpoint/${customer.endpointId}`, { disabled: false });
    await attempt(customer);
    await eventually(async () => expect((await stateOf(customer)).since).not.toBeNull());
    expect((await stateOf(customer)).disabled).toBe(false);
  });

  it.each([
    ['1', true],
    ['0', false],
  ])('obeys ENDPOINT_DISABLE_AFTER_HOURS=%s', async (hours, disabled) => {
    const other = await Scene.start({ RETRY_SCHEDULE: '', ENDPOINT_DISABLE_AFTER_HOURS: hours });
    try {
      const customer = await other.newCustomer();
      other.receiver.script(customer.path, { status: 500 });
      await other.sql(`UPDATE endpoint SET failing_since = now() - interval '61 minutes' WHERE id = $1`, [
        customer.endpointId,
      ]);
      for (const count of [1, 2]) {
        await other.send(customer.appId);
        await eventually(async () =>
          expect(await other.sql('SELECT 1 FROM attempt WHERE app_id = $1', [customer.appId])).toHaveLength(
            disabled ? 1 : count,
          ),
        );
        await eventually(async () =>
          expect(await other.svix.endpoint.get(customer.appId, customer.endpointId)).toMatchObject({ disabled }),
        );
      }
    } finally {
      await other.stop();
    }
  });
});
