import { eventually } from '../support/eventually';
import { Scene } from '../support/scene';

describe('deliveries', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.start({ RETRY_SCHEDULE: '0.1,0.1' });
    await scene.svix.eventType.create({ name: 'invoice.paid', description: '' });
    await scene.svix.eventType.create({ name: 'invoice.sent', description: '' });
  }, 60_000);

  afterAll(() => scene.stop());

  const idsAt = (path: string): unknown[] => scene.receiver.requestsTo(path).map(({ headers }) => headers['svix-id']);

  /** Waits until nothing of the application is pending or in an outbox, so that what did not arrive never will. */
  async function settled(appId: string): Promise<void> {
    await eventually(async () => {
      const [left] = await scene.sql<{ count: string }>(
        `SELECT (SELECT count(*) FROM dispatch WHERE $1 = ANY (app_ids))
              + (SELECT count(*) FROM pending_delivery WHERE app_id = $1) AS count`,
        [appId],
      );
      expect(left?.count).toBe('0');
    });
  }

  describe('fan-out', () => {
    it('goes to the endpoints that want the event type and the channel, and to no other', async () => {
      const { id: appId } = await scene.svix.application.create({ name: 'customer' });
      const paths: Record<string, string> = {};
      const filters = {
        all: {},
        paid: { eventTypes: ['invoice.paid'] },
        both: { eventTypes: ['invoice.paid', 'invoice.sent'] },
        sent: { eventTypes: ['invoice.sent'] },
        red: { channels: ['red'] },
        redOrBlue: { channels: ['red', 'blue'] },
        paidAndBlue: { eventTypes: ['invoice.paid'], channels: ['blue'] },
        disabled: { disabled: true },
      };
      for (const [name, filter] of Object.entries(filters)) {
        paths[name] = scene.newPath();
        await scene.newEndpoint(appId, { url: scene.receiver.url + paths[name], ...filter });
      }
      const reached = async (message: Record<string, unknown>): Promise<string[]> => {
        const id = await scene.send(appId, message);
        await settled(appId);
        return Object.keys(filters).filter((name) => idsAt(paths[name] ?? '').includes(id));
      };

      expect(await reached({ eventType: 'invoice.paid' })).toEqual(['all', 'paid', 'both']);
      expect(await reached({ eventType: 'never.registered' })).toEqual(['all']);
      expect(await reached({ eventType: 'invoice.paid', channels: ['green', 'blue'] })).toEqual([
        'all',
        'paid',
        'both',
        'redOrBlue',
        'paidAndBlue',
      ]);
      expect(await reached({ eventType: 'invoice.sent', channels: ['red'] })).toEqual([
        'all',
        'both',
        'sent',
        'red',
        'redOrBlue',
      ]);
    });

    it('follows every change of an endpoint from the next message on', async () => {
      const { appId, endpointId, path } = await scene.newCustomer();
      const endpoint = `/app/${appId}/endpoint/${endpointId}`;
      const arrives = async (): Promise<boolean> => {
        const id = await scene.send(appId);
        await settled(appId);
        return idsAt(path).includes(id);
      };

      expect(await arrives()).toBe(true);
      await scene.ok('PATCH', endpoint, { disabled: true });
      expect(await arrives()).toBe(false);
      await scene.ok('PATCH', endpoint, { disabled: false, eventTypes: ['invoice.sent'] });
      expect(await arrives()).toBe(false);
      await scene.ok('PATCH', endpoint, { eventTypes: null });
      expect(await arrives()).toBe(true);
      await scene.ok('PATCH', `${endpoint}/headers`, { headers: { 'x-new': 'yes' } });
      await arrives();
      expect(scene.receiver.requestsTo(path).at(-1)?.headers['x-new']).toBe('yes');
      await scene.ok('DELETE', endpoint);
      expect(await arrives()).toBe(false);
    });

    it('keeps a message without any endpoint, and nothing waits for it', async () => {
      const { id: appId } = await scene.svix.application.create({ name: 'customer' });
      const id = await scene.send(appId);
      await settled(appId);

      expect(await scene.attempts(appId, id)).toEqual([]);
    });

    it('delivers 300 messages to 3 endpoints each, once', async () => {
      const { id: appId } = await scene.svix.application.create({ name: 'customer' });
      const paths = [scene.newPath(), scene.newPath(), scene.newPath()];
      for (const path of paths) {
        await scene.newEndpoint(appId, { url: scene.receiver.url + path });
      }
      const ids = await Promise.all(Array.from({ length: 300 }, () => scene.send(appId)));
      await settled(appId);

      for (const path of paths) {
        expect(idsAt(path).sort()).toEqual([...ids].sort());
      }
      const [row] = await scene.sql('SELECT count(*)::int AS count FROM attempt WHERE app_id = $1', [appId]);
      expect(row).toEqual({ count: 900 });
    });
  });

  describe('deliverAt', () => {
    it('holds a message back until its time', async () => {
      const { appId, path } = await scene.newCustomer();
      const at = Date.now() + 700;
      const id = await scene.send(appId, { deliverAt: new Date(at).toISOString() });

      expect(await scene.ok('GET', `/app/${appId}/msg/${id}`)).toMatchObject({ deliverAt: new Date(at).toISOString() });
      await scene.receiver.waitFor(() => idsAt(path).includes(id));
      const [request] = scene.receiver.requestsTo(path);
      expect(request?.at).toBeGreaterThanOrEqual(at);
      expect(request?.at).toBeLessThan(at + 1_500);
      await eventually(async () => expect(await scene.attempts(appId, id)).toMatchObject([{ status: 0 }]));
      await settled(appId);
    });

    it('in the past means at once', async () => {
      const { appId, path } = await scene.newCustomer();
      const id = await scene.send(appId, { deliverAt: '2020-01-01T00:00:00+01:00' });

      expect(await scene.ok('GET', `/app/${appId}/msg/${id}`)).toMatchObject({ deliverAt: null });
      await scene.receiver.waitFor(() => idsAt(path).includes(id));
    });

    it('is over when the endpoint is disabled before its time', async () => {
      const { appId, endpointId, path } = await scene.newCustomer();
      await scene.send(appId, { deliverAt: new Date(Date.now() + 400).toISOString() });
      await eventually(async () =>
        expect(await scene.sql('SELECT 1 FROM pending_delivery WHERE app_id = $1', [appId])).toHaveLength(1),
      );
      await scene.ok('PATCH', `/app/${appId}/endpoint/${endpointId}`, { disabled: true });
      await settled(appId);

      expect(idsAt(path)).toEqual([]);
    });
  });

  describe('private addresses', () => {
    it('are refused when an endpoint is created or changed', async () => {
      const { appId, endpointId } = await scene.newCustomer();

      for (const url of ['http://10.0.0.1/', 'http://169.254.169.254/latest', 'http://[::1]/', 'http://[fd00::1]/']) {
        expect((await scene.call('POST', `/app/${appId}/endpoint`, { url })).status).toBe(422);
        expect((await scene.call('PATCH', `/app/${appId}/endpoint/${endpointId}`, { url })).status).toBe(422);
      }
    });

    it('are refused again when a delivery connects', async () => {
      const { appId, endpointId } = await scene.newCustomer();
      await scene.sql('UPDATE endpoint SET url = $2 WHERE id = $1', [endpointId, 'http://10.0.0.1/']);
      const id = await scene.send(appId);

      await eventually(async () => expect(await scene.attempts(appId, id)).toHaveLength(3));
      expect((await scene.attempts(appId, id))[0]).toMatchObject({
        status: 2,
        responseStatusCode: 0,
        response: expect.stringContaining('private, local or reserved'),
        url: 'http://10.0.0.1/',
      });
    });
  });
});
