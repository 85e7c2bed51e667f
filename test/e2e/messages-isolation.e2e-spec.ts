import { eventually } from '../support/eventually';
import { type Customer, Scene } from '../support/scene';

const OTHER_ORGANIZATION = 'org_2mXLPKqXdU5bY8rVvY6jvBEuCbD';

interface Owned extends Customer {
  messageId: string;
  attemptId: string;
}

/** Every route that names something of an application, by the ids in it. */
const ROUTES: [string, (ids: Owned) => string][] = [
  ['GET', ({ appId }) => `/app/${appId}`],
  ['GET', ({ appId }) => `/app/${appId}/endpoint`],
  ['GET', ({ appId, endpointId }) => `/app/${appId}/endpoint/${endpointId}`],
  ['GET', ({ appId, endpointId }) => `/app/${appId}/endpoint/${endpointId}/headers`],
  ['GET', ({ appId, endpointId }) => `/app/${appId}/endpoint/${endpointId}/secret`],
  ['GET', ({ appId, endpointId }) => `/app/${appId}/endpoint/${endpointId}/msg`],
  ['GET', ({ appId, endpointId }) => `/app/${appId}/endpoint/${endpointId}/stats`],
  ['GET', ({ appId }) => `/app/${appId}/msg`],
  ['GET', ({ appId, messageId }) => `/app/${appId}/msg/${messageId}`],
  ['GET', ({ appId, messageId }) => `/app/${appId}/msg/${messageId}/endpoint`],
  ['GET', ({ appId, messageId, attemptId }) => `/app/${appId}/msg/${messageId}/attempt/${attemptId}`],
  ['GET', ({ appId, messageId }) => `/app/${appId}/attempt/msg/${messageId}`],
  ['GET', ({ appId, messageId, endpointId }) => `/app/${appId}/attempt/msg/${messageId}?endpoint_id=${endpointId}`],
  ['GET', ({ appId, endpointId }) => `/app/${appId}/attempt/endpoint/${endpointId}`],
  ['POST', ({ appId, messageId, endpointId }) => `/app/${appId}/msg/${messageId}/endpoint/${endpointId}/resend`],
];

describe('isolation', () => {
  let scene: Scene;
  let mine: Owned;
  let sibling: Owned;

  beforeAll(async () => {
    scene = await Scene.start();
    [mine, sibling] = await Promise.all([makeOwned(), makeOwned()]);
  }, 60_000);

  afterAll(() => scene.stop());

  async function makeOwned(): Promise<Owned> {
    const customer = await scene.newCustomer();
    const messageId = await scene.send(customer.appId);
    const [attempt] = await eventually(async () => {
      const attempts = await scene.attempts(customer.appId, messageId);
      expect(attempts).toHaveLength(1);
      return attempts;
    });
    return { ...customer, messageId, attemptId: attempt?.id ?? '' };
  }

  const statusOf = async (method: string, path: string, token?: string): Promise<number> =>
    (await scene.call(method, path, undefined, {}, token)).status;

  it.each(ROUTES)('lets the token of an application use its own: %s %s', async (method, pathOf) => {
    const token = scene.server.token({ appId: mine.appId });

    expect(await statusOf(method, pathOf(mine), token)).toBeLessThan(300);
  });

  it.each(ROUTES)('hides it from other organizations and applications: %s %s', async (method, pathOf) => {
    const organization = scene.server.token({ orgId: OTHER_ORGANIZATION });
    const application = scene.server.token({ appId: sibling.appId });
    const pretender = scene.server.token({ orgId: OTHER_ORGANIZATION, appId: mine.appId });

    for (const token of [organization, application, pretender]) {
      expect(await statusOf(method, pathOf(mine), token)).toBe(404);
    }
  });

  it.each(ROUTES.slice(2))(
    'does not reach ids of a sibling through an application of its own: %s %s',
    async (method, pathOf) => {
      const mixed = { ...sibling, appId: mine.appId };
      const status = await statusOf(method, pathOf(mixed));

      // The list of all messages names nothing but the application.
      expect(status).toBe(pathOf(mixed) === `/app/${mine.appId}/msg` ? 200 : 404);
    },
  );

  it('does not join a message with an endpoint of somebody else', async () => {
    const mixed: Owned[] = [
      { ...mine, endpointId: sibling.endpointId },
      { ...mine, messageId: sibling.messageId },
    ];
    for (const { appId, messageId, endpointId } of mixed) {
      expect(await statusOf('POST', `/app/${appId}/msg/${messageId}/endpoint/${endpointId}/resend`)).toBe(404);
      expect(await statusOf('GET', `/app/${appId}/attempt/msg/${messageId}?endpoint_id=${endpointId}`)).toBe(404);
    }
    expect(await statusOf('GET', `/app/${mine.appId}/msg/${mine.messageId}/attempt/${sibling.attemptId}`)).toBe(404);
    expect(scene.receiver.requestsTo(sibling.path)).toHaveLength(1);
  });

  it.each([
    ['GET', '/app'],
    ['POST', '/app'],
    ['PUT', '/app/mine'],
    ['PATCH', '/app/mine'],
    ['DELETE', '/app/mine'],
    ['POST', '/app/mine/msg'],
    ['POST', '/event-type'],
    ['PUT', '/event-type/a'],
    ['PATCH', '/event-type/a'],
    ['DELETE', '/event-type/a'],
  ])('answers 403 to the token of an application: %s %s', async (method, path) => {
    const token = scene.server.token({ appId: mine.appId });
    const body = method === 'GET' || method === 'DELETE' ? undefined : {};
    const answer = await scene.call(method, path.replace('mine', mine.appId), body, {}, token);

    expect(answer).toMatchObject({ status: 403, body: { code: 'insufficient_access' } });
  });

  it.each(ROUTES)('answers 401 without a token: %s %s', async (method, pathOf) => {
    const response = await fetch(`${scene.server.url}/api/v1${pathOf(mine)}`, { method });

    expect(response.status).toBe(401);
  });
});
