import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'svix';
import { eventually } from '../support/eventually';
import { type ReceivedRequest } from '../support/receiver';
import { type Customer, Scene } from '../support/scene';
import { type DistributedTestApp, startDistributedTestApp } from '../support/test-app';

/** While changes cannot be heard, caches are trusted for a second. */
const DEAF_MS = 1_100;
/** Without Redis workers look for batches twice a second. */
const WITHOUT_REDIS_MS = 5_000;

jest.setTimeout(60_000);

describe('api, worker and scheduler as processes of their own', () => {
  let server: DistributedTestApp;
  let scene: Scene;

  beforeAll(async () => {
    server = await startDistributedTestApp({ RETRY_SCHEDULE: '0.1,0.1', LOG_LEVEL: 'silent' });
    scene = await Scene.on(server);
    await everythingIsWell();
  }, 200_000);

  afterAll(() => scene.stop(), 30_000);

  async function readiness(url: string): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${url}/health/ready`);
    return { status: response.status, body: await response.json() };
  }

  async function everythingIsWell(): Promise<void> {
    await eventually(async () => {
      for (const { url } of [server, server.worker, server.scheduler]) {
        expect(await readiness(url)).toMatchObject({ status: 200, body: { status: 'ok' } });
      }
    }, 10_000);
  }

  /** Sends a message and waits for its request at the path. */
  async function sendTo(appId: string, path: string, timeoutMs?: number): Promise<ReceivedRequest> {
    const { id } = await scene.svix.message.create(appId, { eventType: 'invoice.paid', payload: { n: 1 } });
    const isIt = (request: ReceivedRequest): boolean => request.path === path && request.headers['svix-id'] === id;
    const requests = await scene.receiver.waitFor((all) => all.some(isIt), timeoutMs);
    return requests.find(isIt) as ReceivedRequest;
  }

  /** A customer whose endpoint the worker has in its cache, and a second endpoint that tells when a message is through. */
  async function newCachedCustomer(): Promise<Customer & { witness: string }> {
    const customer = await scene.newCustomer();
    const witness = scene.newPath();
    await scene.newEndpoint(customer.appId, { url: scene.receiver.url + witness });
    await sendTo(customer.appId, customer.path);
    return { ...customer, witness };
  }

  async function recoveredDispatches(): Promise<number> {
    const text = await (await fetch(`${server.worker.url}/metrics`)).text();
    return Number(/^posthorn_dispatches_recovered_total (\d+)/m.exec(text)?.[1] ?? NaN);
  }

  it('delivers every message once, through the queue, and records it', async () => {
    const customer = await scene.newCustomer();
    const recovered = await recoveredDispatches();
    const ids = await Promise.all(Array.from({ length: 40 }, (_, n) => scene.send(customer.appId, { payload: { n } })));
    await scene.receiver.waitFor(() => scene.receiver.requestsTo(customer.path).length >= ids.length);

    await eventually(async () => {
      const attempts = await scene.svix.messageAttempt.listByEndpoint(customer.appId, customer.endpointId, {
        limit: 100,
      });
      expect(attempts.data.map(({ msgId }) => msgId).sort()).toEqual([...ids].sort());
      expect(new Set(attempts.data.map(({ status }) => status))).toEqual(new Set([0]));
    });
    expect(scene.receiver.requestsTo(customer.path)).toHaveLength(ids.length);
    expect(await recoveredDispatches()).toBe(recovered);
  });

  it('tries again what failed', async () => {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, [{ status: 503 }, { status: 500 }, { status: 204 }]);
    const { id } = await scene.svix.message.create(customer.appId, { eventType: 'invoice.paid', payload: {} });

    await eventually(async () => {
      const attempts = await scene.svix.messageAttempt.listByMsg(customer.appId, id);
      expect(attempts.data.map(({ responseStatusCode }) => responseStatusCode)).toEqual([204, 500, 503]);
    });
  });

  it('sends again when the api is asked to', async () => {
    const customer = await scene.newCustomer();
    const first = await sendTo(customer.appId, customer.path);
    const id = String(first.headers['svix-id']);

    await scene.svix.messageAttempt.resend(customer.appId, id, customer.endpointId);

    await scene.receiver.waitFor(() => scene.receiver.requestsTo(customer.path).length === 2);
    expect(scene.receiver.requestsTo(customer.path).map(({ headers }) => headers['svix-id'])).toEqual([id, id]);
  });

  it('sends nothing more to an endpoint that the api has disabled, though the worker had it in memory', async () => {
    const { appId, endpointId, path, witness } = await newCachedCustomer();

    await scene.svix.endpoint.patch(appId, endpointId, { disabled: true });
    await sendTo(appId, witness);
    await sendTo(appId, witness);

    expect(scene.receiver.requestsTo(path)).toHaveLength(1);
  });

  it('sends to an endpoint that was made after the worker had read those of its application', async () => {
    const { appId } = await newCachedCustomer();
    const path = scene.newPath();
    await scene.svix.endpoint.create(appId, { url: scene.receiver.url + path });

    await expect(sendTo(appId, path)).resolves.toMatchObject({ method: 'POST' });
  });

  it('signs with a new secret at once, and no more with the old one', async () => {
    const { appId, endpointId, path, secret } = await newCachedCustomer();

    await scene.ok('POST', `/app/${appId}/endpoint/${endpointId}/secret/rotate`, { gracePeriodSeconds: 0 });
    const { key } = await scene.svix.endpoint.getSecret(appId, endpointId);
    const { body, headers } = await sendTo(appId, path);

    const verify = (by: string) => () => new Webhook(by).verify(body.toString(), headers as Record<string, string>);
    expect(key).not.toBe(secret);
    expect(verify(key)).not.toThrow();
    expect(verify(secret)).toThrow();
  });

  it.each(['worker', 'scheduler'] as const)(
    'serves probes and metrics from a %s, and nothing of the api',
    async (role) => {
      const { url } = server[role];
      const statusOf = async (path: string): Promise<number> => {
        const response = await fetch(url + path, { headers: { authorization: `Bearer ${server.token()}` } });
        await response.text();
        return response.status;
      };

      for (const path of ['/health/live', '/health/startup', '/health/ready', '/metrics']) {
        expect([path, await statusOf(path)]).toEqual([path, 200]);
      }
      for (const path of ['/api/v1/app', '/api/v1/event-type', '/api/v1/app/app_x/endpoint']) {
        expect([path, await statusOf(path)]).toEqual([path, 404]);
      }
    },
  );

  describe('without Redis', () => {
    beforeEach(() => server.redis.server.kill());

    afterEach(async () => {
      await server.redis.server.start();
      await everythingIsWell();
    });

    it('takes messages and delivers them within seconds, and says that it is degraded', async () => {
      const customer = await scene.newCustomer();
      scene.receiver.script(customer.path, [{ status: 500 }, { status: 200 }]);

      const { headers } = await sendTo(customer.appId, customer.path, WITHOUT_REDIS_MS);
      await eventually(async () => {
        const attempts = await scene.attempts(customer.appId, String(headers['svix-id']));
        expect(attempts.map(({ responseStatusCode }) => responseStatusCode)).toEqual([500, 200]);
      }, WITHOUT_REDIS_MS);

      for (const { url } of [server, server.worker, server.scheduler]) {
        expect(await readiness(url)).toMatchObject({
          status: 200,
          body: { status: 'degraded', details: { database: { status: 'up' }, queue: { status: 'down' } } },
        });
      }
      const health = await fetch(`${server.url}/api/v1/health`);
      expect([health.status, await health.json()]).toMatchObject([200, { queue: { status: 'error' } }]);
    });

    it('acknowledges as quickly as with Redis', async () => {
      const customer = await scene.newCustomer();
      const times: number[] = [];
      for (let n = 0; n < 20; n++) {
        const beganAt = performance.now();
        await scene.send(customer.appId);
        times.push(performance.now() - beganAt);
      }

      // No post waits for an answer of Redis, whose deadline is 2 s.
      expect(Math.max(...times)).toBeLessThan(1_000);
      await scene.receiver.waitFor(
        () => scene.receiver.requestsTo(customer.path).length === times.length,
        WITHOUT_REDIS_MS,
      );
    });

    it('still learns of a disabled endpoint after a second', async () => {
      const customer = await scene.newCustomer();
      const witness = scene.newPath();
      await scene.newEndpoint(customer.appId, { url: scene.receiver.url + witness });
      await sendTo(customer.appId, customer.path, WITHOUT_REDIS_MS);

      await scene.svix.endpoint.patch(customer.appId, customer.endpointId, { disabled: true });
      await sleep(DEAF_MS);
      await sendTo(customer.appId, witness, WITHOUT_REDIS_MS);

      expect(scene.receiver.requestsTo(customer.path)).toHaveLength(1);
    });
  });

  it('goes through the queue again when Redis is back, also when it has lost everything', async () => {
    const customer = await scene.newCustomer();
    await server.redis.server.restartEmpty();
    await everythingIsWell();

    await eventually(async () => {
      const recovered = await recoveredDispatches();
      await sendTo(customer.appId, customer.path);
      expect(await recoveredDispatches()).toBe(recovered);
    });
  });
});
