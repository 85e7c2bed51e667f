import { parseSecret } from '@libs/webhook-signing/signing-secret';
import { Svix } from 'svix';
import { Svix as SvixV1 } from 'svix-v1';
import { DataSource } from 'typeorm';
import { EndpointsService } from '@/features/endpoints/endpoints.service';
import { type DeliveryEndpoint } from '@/features/endpoints/endpoints.types';
import { type ApiAnswer, callApi } from '../support/api';
import { startTestApp, type TestApp } from '../support/test-app';

const OTHER_ORGANIZATION = 'org_2mXLPKqXdU5bY8rVvY6jvBEuCbD';
const URL_OF_RECEIVER = 'http://127.0.0.1:9/hook';
const HMAC_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ED25519_SECRET = 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
const ED25519_PUBLIC = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=';

interface EndpointList {
  data: { id: string }[];
  iterator: string | null;
  prevIterator?: string;
  done: boolean;
}

describe('endpoints', () => {
  let server: TestApp;
  let svix: Svix;
  let svixV1: SvixV1;
  let appId: string;
  let counter = 0;

  beforeAll(async () => {
    server = await startTestApp();
    svix = new Svix(server.token(), { serverUrl: server.url });
    svixV1 = new SvixV1(server.token(), { serverUrl: server.url });
    appId = (await svix.application.create({ name: 'customer' })).id;
    await svix.eventType.create({ name: 'user.signup', description: '' });
    await svix.eventType.create({ name: 'user.deleted', description: '' });
    await svix.eventType.create({ name: 'user.archived', description: '', archived: true });
  }, 60_000);

  afterAll(() => server.stop());

  const newUid = (): string => `endpoint-${(counter += 1)}`;
  const newEndpoint = async (): Promise<string> => (await svix.endpoint.create(appId, { url: URL_OF_RECEIVER })).id;

  function call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    options: { app?: string; token?: string; headers?: Record<string, string> } = {},
  ): Promise<ApiAnswer<T>> {
    const { app = appId, token = server.token(), headers } = options;
    return callApi<T>(server.url, token, method, `/app/${app}/endpoint${path}`, body, headers);
  }

  const problemsOf = (answer: ApiAnswer): unknown =>
    (answer.body['detail'] as { loc: string[] }[]).map((problem) => problem.loc.join('.'));

  async function forDelivery(endpointId: string): Promise<DeliveryEndpoint> {
    const endpoint = (await server.app.get(EndpointsService, { strict: false }).forDelivery(appId)).get(endpointId);
    if (endpoint === undefined) {
      throw new Error('The endpoint is not delivered to');
    }
    return endpoint;
  }

  describe('create', () => {
    it('answers 201 with every field, unset ones null', async () => {
      const answer = await call('POST', '', { url: 'HTTP://127.0.0.1:9' });

      expect(answer.status).toBe(201);
      expect(answer.body).toEqual({
        id: expect.stringMatching(/^ep_[0-9A-Za-z]{27}$/),
        uid: null,
        url: 'http://127.0.0.1:9/',
        description: '',
        throttleRate: null,
        rateLimit: null,
        disabled: false,
        eventTypes: null,
        filterTypes: null,
        channels: null,
        metadata: {},
        version: 1,
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
        updatedAt: answer.body['createdAt'],
      });
    });

    it('keeps every field of both SDKs', async () => {
      const two = await svix.endpoint.create(appId, {
        url: 'http://user:pass@127.0.0.1:9/hook?a=b',
        uid: newUid(),
        description: 'two',
        throttleRate: 7,
        disabled: true,
        eventTypes: ['user.signup', 'user.deleted', 'user.signup'],
        channels: ['one', 'two', 'one'],
        metadata: { team: 'billing' },
      });
      const one = await svixV1.endpoint.create(appId, {
        url: URL_OF_RECEIVER,
        version: 1,
        rateLimit: 9,
        filterTypes: ['user.signup'],
      });

      expect(await svixV1.endpoint.get(appId, two.id)).toMatchObject({
        uid: two.uid,
        url: 'http://user:pass@127.0.0.1:9/hook?a=b',
        description: 'two',
        rateLimit: 7,
        disabled: true,
        filterTypes: ['user.signup', 'user.deleted'],
        channels: ['one', 'two'],
        metadata: { team: 'billing' },
        version: 1,
      });
      expect(await svix.endpoint.get(appId, one.id)).toMatchObject({ throttleRate: 9, eventTypes: ['user.signup'] });
    });

    it('answers 409 for a uid that is taken in the application', async () => {
      const uid = newUid();
      await svix.endpoint.create(appId, { url: URL_OF_RECEIVER, uid });
      const other = await svix.application.create({ name: 'other' });

      expect(await call('POST', '', { url: URL_OF_RECEIVER, uid })).toMatchObject({
        status: 409,
        body: { code: 'conflict' },
      });
      expect((await call('POST', '', { url: URL_OF_RECEIVER, uid }, { app: other.id })).status).toBe(201);
    });

    it.each([
      ['no url', {}, 'body.url'],
      ['null', { url: null }, 'body.url'],
      ['a path', { url: '/hook' }, 'body.url'],
      ['another scheme', { url: 'ftp://example.com/' }, 'body.url'],
      ['no host', { url: 'http://' }, 'body.url'],
      ['port 0', { url: 'http://127.0.0.1:0/' }, 'body.url'],
      ['a label over 63 characters', { url: `http://${'a'.repeat(64)}.example.com/` }, 'body.url'],
      ['an empty label', { url: 'http://a..example.com/' }, 'body.url'],
      ['a NUL', { url: 'http://127.0.0.1:9/\0' }, 'body.url'],
      ['over 65536 characters', { url: `http://127.0.0.1:9/${'a'.repeat(65_536)}` }, 'body.url'],
      ['over 65536 characters once escaped', { url: `http://127.0.0.1:9/${'ä'.repeat(20_000)}` }, 'body.url'],
    ])('answers 422 for a URL: %s', async (_, body, loc) => {
      const answer = await call('POST', '', body);

      expect(answer.status).toBe(422);
      expect(problemsOf(answer)).toEqual([loc]);
    });

    it.each([
      ['a private address', 'http://10.0.0.1/'],
      ['cloud metadata', 'http://169.254.169.254/latest/'],
      ['an address in decimal', 'http://167772161/'],
      ['loopback of IPv6', 'http://[::1]/'],
      ['a mapped private address', 'http://[::ffff:10.0.0.1]/'],
    ])('refuses %s at once', async (_, url) => {
      const endpointId = await newEndpoint();

      for (const answer of [
        await call('POST', '', { url }),
        await call('PUT', `/${endpointId}`, { url }),
        await call('PATCH', `/${endpointId}`, { url }),
      ]) {
        expect(answer.status).toBe(422);
        expect(problemsOf(answer)).toEqual(['body.url']);
        expect(answer.text).toContain('EGRESS_ALLOW_SUBNETS');
      }
      expect((await svix.endpoint.get(appId, endpointId)).url).toBe(URL_OF_RECEIVER);
    });

    it.each([
      ['an unknown event type', { eventTypes: ['nothing'] }, 'body.eventTypes'],
      ['an archived event type', { eventTypes: ['user.signup', 'user.archived'] }, 'body.eventTypes'],
      ['an unknown event type by the older name', { filterTypes: ['nothing'] }, 'body.eventTypes'],
      ['no event type', { eventTypes: [] }, 'body.eventTypes'],
      ['an event type with a space', { eventTypes: ['a b'] }, 'body.eventTypes'],
      ['both names of one field', { eventTypes: ['user.signup'], filterTypes: null }, 'body.eventTypes'],
      ['no channel', { channels: [] }, 'body.channels'],
      ['11 channels', { channels: Array.from({ length: 11 }, (_, index) => `c${index}`) }, 'body.channels'],
      ['a text as channels', { channels: 'one' }, 'body.channels'],
      ['objects as channels', { channels: [{}] }, 'body.channels'],
      ['a throttle of 0', { throttleRate: 0 }, 'body.throttleRate'],
      ['an older throttle over 65535', { rateLimit: 65_536 }, 'body.throttleRate'],
      ['a uid with our prefix', { uid: 'ep_mine' }, 'body.uid'],
      ['null as description', { description: null }, 'body.description'],
      ['a text as disabled', { disabled: 'no' }, 'body.disabled'],
      ['a NUL in metadata', { metadata: { a: '\0' } }, 'body.metadata'],
    ])('answers 422 for %s in POST, PUT and PATCH alike', async (_, fields, loc) => {
      const endpointId = await newEndpoint();

      for (const answer of [
        await call('POST', '', { url: URL_OF_RECEIVER, ...fields }),
        await call('PUT', `/${endpointId}`, { url: URL_OF_RECEIVER, ...fields }),
        await call('PATCH', `/${endpointId}`, fields),
      ]) {
        expect(answer.status).toBe(422);
        expect(problemsOf(answer)).toEqual([loc]);
      }
    });

    it('does not take event types of another organization', async () => {
      const other = new Svix(server.token({ orgId: OTHER_ORGANIZATION }), { serverUrl: server.url });
      await other.eventType.create({ name: 'theirs', description: '' });

      const answer = await call('POST', '', { url: URL_OF_RECEIVER, eventTypes: ['theirs'] });

      expect(answer.status).toBe(422);
    });

    it.each([
      ['without prefix', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      ['that is too short', `whsec_${Buffer.alloc(23).toString('base64')}`],
      ['that is too long', `whsec_${Buffer.alloc(76).toString('base64')}`],
      ['that is public', ED25519_PUBLIC],
      ['that is not base64', 'whsec_????????????????????????????????'],
    ])('answers 422 for a secret %s, without repeating it', async (_, secret) => {
      const answer = await call('POST', '', { url: URL_OF_RECEIVER, secret });

      expect(answer.status).toBe(422);
      expect(problemsOf(answer)).toEqual(['body.secret']);
      expect(answer.text).not.toContain(secret.slice(10));
    });
  });

  describe('update', () => {
    it('replaces all fields with 200, but not the secret and the headers', async () => {
      const endpoint = await svix.endpoint.create(appId, {
        url: URL_OF_RECEIVER,
        uid: newUid(),
        description: 'first',
        throttleRate: 7,
        eventTypes: ['user.signup'],
        channels: ['one'],
        metadata: { a: 'b' },
        secret: HMAC_SECRET,
        headers: { 'X-Kept': 'yes' },
      });

      const answer = await call('PUT', `/${endpoint.uid}`, { url: 'http://127.0.0.2:9/' });

      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({
        id: endpoint.id,
        uid: null,
        url: 'http://127.0.0.2:9/',
        description: '',
        throttleRate: null,
        eventTypes: null,
        channels: null,
        metadata: {},
        createdAt: endpoint.createdAt.toISOString(),
      });
      expect(await svix.endpoint.getSecret(appId, endpoint.id)).toEqual({ key: HMAC_SECRET });
      expect((await svix.endpoint.getHeaders(appId, endpoint.id)).headers).toEqual({ 'X-Kept': 'yes' });
    });

    it('creates with 201 what the path does not name', async () => {
      const uid = newUid();

      const answer = await call('PUT', `/${uid}`, { url: URL_OF_RECEIVER, uid });

      expect(answer.status).toBe(201);
      expect((await svix.endpoint.get(appId, uid)).id).toBe(answer.body['id']);
      expect((await svix.endpoint.getSecret(appId, uid)).key).toMatch(/^whsec_/);
    });

    it('makes one endpoint of 20 concurrent updates of one uid', async () => {
      const uid = newUid();

      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          call('PUT', `/${uid}`, { url: URL_OF_RECEIVER, uid, description: `number ${index}` }),
        ),
      );

      expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1);
      expect(answers.map((answer) => answer.status).sort()).toEqual([...Array<number>(19).fill(200), 201]);
    });

    it('answers 409 for the uid of another endpoint', async () => {
      const [first, second] = [newUid(), newUid()];
      await svix.endpoint.create(appId, { url: URL_OF_RECEIVER, uid: first });
      await svix.endpoint.create(appId, { url: URL_OF_RECEIVER, uid: second });

      expect((await call('PUT', `/${second}`, { url: URL_OF_RECEIVER, uid: first })).status).toBe(409);
      expect((await call('PUT', `/${newUid()}`, { url: URL_OF_RECEIVER, uid: first })).status).toBe(409);
      expect((await call('PATCH', `/${second}`, { uid: first })).status).toBe(409);
    });

    it('is what both generations of the SDK do', async () => {
      const uid = newUid();
      const made = await svix.endpoint.upsert(appId, uid, { url: URL_OF_RECEIVER, uid, eventTypes: ['user.signup'] });
      const updated = await svixV1.endpoint.update(appId, uid, {
        url: URL_OF_RECEIVER,
        uid,
        filterTypes: ['user.deleted'],
        rateLimit: 3,
      });

      expect(updated).toMatchObject({ id: made.id, filterTypes: ['user.deleted'] });
      expect(await svix.endpoint.get(appId, uid)).toMatchObject({ eventTypes: ['user.deleted'], throttleRate: 3 });
    });
  });

  describe('patch', () => {
    it('changes the given fields only, and clears by null', async () => {
      const endpoint = await svix.endpoint.create(appId, {
        url: URL_OF_RECEIVER,
        uid: newUid(),
        throttleRate: 7,
        eventTypes: ['user.signup'],
        channels: ['one'],
        metadata: { a: 'b' },
      });

      const patched = await svix.endpoint.patch(appId, endpoint.id, { description: 'new', disabled: true });
      const cleared = await call('PATCH', `/${endpoint.id}`, {
        uid: null,
        throttleRate: null,
        filterTypes: null,
        channels: null,
        metadata: null,
      });

      expect(patched).toMatchObject({ ...endpoint, description: 'new', disabled: true, updatedAt: expect.any(Date) });
      expect(cleared.body).toMatchObject({
        uid: null,
        url: URL_OF_RECEIVER,
        description: 'new',
        disabled: true,
        throttleRate: null,
        eventTypes: null,
        channels: null,
        metadata: {},
      });
    });

    it('loses no change when many change different fields at once', async () => {
      const endpointId = await newEndpoint();

      await Promise.all([
        svix.endpoint.patch(appId, endpointId, { description: 'new' }),
        svix.endpoint.patch(appId, endpointId, { url: 'http://127.0.0.3:9/' }),
        svix.endpoint.patch(appId, endpointId, { metadata: { a: 'b' } }),
        svix.endpoint.patch(appId, endpointId, { channels: ['one'] }),
        svixV1.endpoint.patch(appId, endpointId, { rateLimit: 5 }),
        svixV1.endpoint.patch(appId, endpointId, { filterTypes: ['user.signup'] }),
      ]);

      expect(await svix.endpoint.get(appId, endpointId)).toMatchObject({
        description: 'new',
        url: 'http://127.0.0.3:9/',
        metadata: { a: 'b' },
        channels: ['one'],
        throttleRate: 5,
        eventTypes: ['user.signup'],
      });
    });

    it('answers 404 for what does not exist, whatever the path holds', async () => {
      for (const name of ['nobody', 'ep_2mXLPKqXdU5bY8rVvY6jvBEuCbD', 'a%00b', 'a'.repeat(500), 'a%20b']) {
        expect(await call('PATCH', `/${name}`, { description: 'b' })).toMatchObject({
          status: 404,
          body: { code: 'not_found', detail: 'Endpoint not found' },
        });
        expect((await call('GET', `/${name}`)).status).toBe(404);
      }
    });
  });

  describe('delete', () => {
    it('answers 204 without a body, frees the uid and leaves no secret behind', async () => {
      const uid = newUid();
      const endpoint = await svix.endpoint.create(appId, {
        url: URL_OF_RECEIVER,
        uid,
        headers: { Authorization: 'x' },
      });

      const answer = await call('DELETE', `/${uid}`);

      expect(answer).toMatchObject({ status: 204, text: '' });
      for (const path of [`/${uid}`, `/${endpoint.id}`, `/${endpoint.id}/secret`, `/${endpoint.id}/headers`]) {
        expect((await call('GET', path)).status).toBe(404);
      }
      expect((await call('DELETE', `/${endpoint.id}`)).status).toBe(404);
      expect((await svix.endpoint.create(appId, { url: URL_OF_RECEIVER, uid })).id).not.toBe(endpoint.id);
      const rows = await server.app
        .get(DataSource)
        .query('SELECT FROM endpoint_secret WHERE endpoint_id = $1', [endpoint.id]);
      expect(rows).toHaveLength(0);
    });
  });

  describe('list', () => {
    let listApp: string;
    const ids: string[] = [];
    const listed = (query: string): Promise<ApiAnswer<EndpointList>> =>
      call<EndpointList>('GET', query, undefined, { app: listApp });
    const idsOf = (page: ApiAnswer<EndpointList>): string[] => page.body.data.map((item) => item.id);

    beforeAll(async () => {
      listApp = (await svix.application.create({ name: 'lists' })).id;
      for (let index = 0; index < 7; index++) {
        ids.push((await svix.endpoint.create(listApp, { url: URL_OF_RECEIVER })).id);
      }
    });

    it.each(['ascending', 'descending'])('goes forwards and backwards through all pages, %s', async (order) => {
      const expected = order === 'ascending' ? ids : [...ids].reverse();
      const first = await listed(`?limit=3&order=${order}`);
      const second = await listed(`?limit=3&order=${order}&iterator=${first.body.iterator}`);
      const third = await listed(`?limit=3&order=${order}&iterator=${second.body.iterator}`);
      const back = await listed(`?limit=3&order=${order}&iterator=${third.body.prevIterator}`);
      const begin = await listed(`?limit=3&order=${order}&iterator=${back.body.prevIterator}`);

      expect([idsOf(first), idsOf(second), idsOf(third)]).toEqual([
        expected.slice(0, 3),
        expected.slice(3, 6),
        expected.slice(6),
      ]);
      expect([first.body.done, second.body.done, third.body.done]).toEqual([false, false, true]);
      expect([idsOf(back), idsOf(begin)]).toEqual([expected.slice(3, 6), expected.slice(0, 3)]);
      expect(begin.body.done).toBe(true);
    });

    it('is descending by default and leaves out other applications', async () => {
      const page = await svix.endpoint.list(listApp);

      expect(page.data.map((endpoint) => endpoint.id)).toEqual([...ids].reverse());
      expect(page).toMatchObject({ done: true, iterator: ids[0] });
    });

    it('answers 422 for an iterator that is not one', async () => {
      for (const iterator of ['ep_x', '', appId]) {
        expect((await listed(`?iterator=${iterator}`)).status).toBe(422);
      }
    });
  });

  describe('secret', () => {
    it('is made by default, and shown', async () => {
      const { key } = await svix.endpoint.getSecret(appId, await newEndpoint());

      expect(Buffer.from(key.replace('whsec_', ''), 'base64')).toHaveLength(24);
    });

    it('shows only the public key of an ed25519 secret', async () => {
      const { id } = await svix.endpoint.create(appId, { url: URL_OF_RECEIVER, secret: ED25519_SECRET });

      expect(await svix.endpoint.getSecret(appId, id)).toEqual({ key: ED25519_PUBLIC });
      expect((await forDelivery(id)).secrets[0]?.secret.type).toBe('ed25519');
    });

    it('is not readable in the database', async () => {
      const { id } = await svix.endpoint.create(appId, { url: URL_OF_RECEIVER, secret: HMAC_SECRET });

      const rows = await server.app
        .get(DataSource)
        .query<{ box: Buffer }[]>('SELECT secret_box AS box FROM endpoint_secret WHERE endpoint_id = $1', [id]);

      expect(rows).toHaveLength(1);
      expect(rows[0]?.box.toString('latin1')).not.toContain(HMAC_SECRET.slice(6));
      expect(rows[0]?.box.toString('latin1')).not.toContain(
        Buffer.from(HMAC_SECRET.slice(6), 'base64').toString('latin1'),
      );
    });

    it('rotates with 204; the one of before signs until its grace period ends', async () => {
      const { id } = await svix.endpoint.create(appId, { url: URL_OF_RECEIVER, secret: HMAC_SECRET });
      const before = Date.now();

      const answer = await call('POST', `/${id}/secret/rotate`, { key: ED25519_SECRET, gracePeriodSeconds: 60 });

      expect(answer).toMatchObject({ status: 204, text: '' });
      expect(await svix.endpoint.getSecret(appId, id)).toEqual({ key: ED25519_PUBLIC });
      const { secrets } = await forDelivery(id);
      expect(secrets.map(({ secret }) => secret.revealText())).toEqual([ED25519_SECRET, HMAC_SECRET]);
      expect(secrets[0]?.expiresAtMs).toBeNull();
      expect(secrets[1]?.expiresAtMs).toBeGreaterThanOrEqual(before + 60_000);
      expect(secrets[1]?.expiresAtMs).toBeLessThan(before + 70_000);
    });

    it('keeps the secret of before for a day by default, and not at all without a grace period', async () => {
      const id = await newEndpoint();
      const before = Date.now();

      await svix.endpoint.rotateSecret(appId, id);
      const [, old] = (await forDelivery(id)).secrets;
      await svixV1.endpoint.rotateSecret(appId, id, { gracePeriodSeconds: 0 });

      expect(old?.expiresAtMs).toBeGreaterThanOrEqual(before + 86_400_000);
      expect((await forDelivery(id)).secrets).toHaveLength(2);
      expect((await forDelivery(id)).secrets[1]?.expiresAtMs).toBe(old?.expiresAtMs);
    });

    it.each([
      ['svix-libs/2.7.0/javascript', 200],
      ['svix-libs/2.10.1/python', 200],
      ['svix-libs/3.0.0/go', 200],
      ['svix-libs/2.6.9/javascript', 204],
      ['svix-libs/1.99.1/java', 204],
      ['curl/8', 204],
    ])('answers %s with %d', async (userAgent, status) => {
      const id = await newEndpoint();

      const answer = await call('POST', `/${id}/secret/rotate`, {}, { headers: { 'user-agent': userAgent } });

      expect(answer.status).toBe(status);
      const { key } = await svix.endpoint.getSecret(appId, id);
      expect(answer.text).toBe(status === 204 ? '' : JSON.stringify({ key }));
    });

    it('answers 400 limit_reached when 10 earlier secrets are still valid', async () => {
      const id = await newEndpoint();
      for (let index = 0; index < 10; index++) {
        await svix.endpoint.rotateSecret(appId, id, {});
      }
      const { key } = await svix.endpoint.getSecret(appId, id);

      const answer = await call('POST', `/${id}/secret/rotate`, {});

      expect(answer).toMatchObject({ status: 400, body: { code: 'limit_reached' } });
      expect(await svix.endpoint.getSecret(appId, id)).toEqual({ key });
      expect((await call('POST', `/${id}/secret/rotate`, { gracePeriodSeconds: 0 })).status).toBe(204);
    });

    it('leaves at most 10 earlier secrets after 12 concurrent rotations', async () => {
      const id = await newEndpoint();

      const answers = await Promise.all(Array.from({ length: 12 }, () => call('POST', `/${id}/secret/rotate`, {})));

      expect(answers.map((answer) => answer.status).sort()).toEqual([...Array<number>(10).fill(204), 400, 400]);
      const { secrets } = await forDelivery(id);
      expect(secrets).toHaveLength(11);
      expect(secrets.filter((secret) => secret.expiresAtMs === null)).toHaveLength(1);
      const { key } = await svix.endpoint.getSecret(appId, id);
      expect(secrets[0]?.secret.revealText()).toBe(key);
    });

    it.each([
      ['a grace period over a week', { gracePeriodSeconds: 604_801 }, 'body.gracePeriodSeconds'],
      ['a negative grace period', { gracePeriodSeconds: -1 }, 'body.gracePeriodSeconds'],
      ['a fraction of a second', { gracePeriodSeconds: 0.5 }, 'body.gracePeriodSeconds'],
      ['a bad key', { key: 'whsec_short' }, 'body.key'],
    ])('answers 422 for %s', async (_, body, loc) => {
      const answer = await call('POST', `/${await newEndpoint()}/secret/rotate`, body);

      expect(answer.status).toBe(422);
      expect(problemsOf(answer)).toEqual([loc]);
    });
  });

  describe('headers', () => {
    it('shows sensitive ones by name only, and sends all', async () => {
      const headers = { 'X-Example': '1', Authorization: 'Bearer x', 'x-api-key': 'k', 'Proxy-Authorization': 'p' };
      const { id } = await svix.endpoint.create(appId, { url: URL_OF_RECEIVER, headers });

      expect(await svix.endpoint.getHeaders(appId, id)).toEqual({
        headers: { 'X-Example': '1' },
        sensitive: ['Authorization', 'x-api-key', 'Proxy-Authorization'],
      });
      expect((await forDelivery(id)).headers).toEqual(headers);
    });

    it('has none at first', async () => {
      expect(await svix.endpoint.getHeaders(appId, await newEndpoint())).toEqual({ headers: {}, sensitive: [] });
    });

    it('replaces all by PUT, with both SDKs', async () => {
      const id = await newEndpoint();
      await svix.endpoint.setHeaders(appId, id, { headers: { 'X-A': '1', 'X-B': '2' } });
      await svixV1.endpoint.updateHeaders(appId, id, { headers: { 'X-C': '3' } });

      expect((await svix.endpoint.getHeaders(appId, id)).headers).toEqual({ 'X-C': '3' });
      expect((await forDelivery(id)).headers).toEqual({ 'X-C': '3' });
      expect(await call('PUT', `/${id}/headers`, { headers: {} })).toMatchObject({ status: 204, text: '' });
      expect((await svix.endpoint.getHeaders(appId, id)).headers).toEqual({});
    });

    it('changes some by PATCH: sets, removes by null and by deleteHeaders, whatever the case of a name', async () => {
      const id = await newEndpoint();
      await svix.endpoint.setHeaders(appId, id, {
        headers: { 'X-Kept': '1', 'X-Old': '2', 'X-Null': '3', 'X-Deleted': '4' },
      });

      const answer = await call('PATCH', `/${id}/headers`, {
        headers: { 'x-old': 'new', 'x-null': null, 'X-New': '5' },
        deleteHeaders: ['x-deleted', 'X-Nothing'],
      });

      expect(answer).toMatchObject({ status: 204, text: '' });
      expect((await svix.endpoint.getHeaders(appId, id)).headers).toEqual({
        'X-Kept': '1',
        'x-old': 'new',
        'X-New': '5',
      });
      expect((await call('PATCH', `/${id}/headers`, { deleteHeaders: ['X-Kept'] })).status).toBe(204);
      expect((await forDelivery(id)).headers).toEqual({ 'x-old': 'new', 'X-New': '5' });
    });

    it('loses none of 20 concurrent changes', async () => {
      const id = await newEndpoint();

      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          svix.endpoint.patchHeaders(appId, id, { headers: { [`X-${index}`]: String(index) } }),
        ),
      );

      expect(Object.keys((await svix.endpoint.getHeaders(appId, id)).headers)).toHaveLength(20);
    });

    it.each([
      ['a line break', { 'X-A': 'a\r\nX-B: b' }],
      ['a NUL', { 'X-A': 'a\0' }],
      ['a tab', { 'X-A': 'a\tb' }],
      ['a DEL', { 'X-A': 'a\x7f' }],
      ['what no header can carry', { 'X-A': '\u4e2d' }],
      ['a number', { 'X-A': 1 }],
      ['more than 4096 bytes', { 'X-A': 'a'.repeat(4097) }],
      ['a name with a space', { 'X A': 'a' }],
      ['a name with a colon', { 'X:A': 'a' }],
      ['an empty name', { '': 'a' }],
      ['a header of the connection', { 'Transfer-Encoding': 'chunked' }],
      ['the length of the body', { 'content-length': '1' }],
      ['the type of the body', { 'Content-Type': 'text/plain' }],
      ['the user agent', { 'User-Agent': 'me' }],
      ['a signature', { 'svix-signature': 'v1,x' }],
      ['a signature of Standard Webhooks', { 'Webhook-Signature': 'v1,x' }],
      ['a forbidden prefix', { 'X-Amz-Date': 'x' }],
      ['one name in two spellings', { 'X-A': '1', 'x-a': '2' }],
      ['over 100', Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`X-${index}`, '1']))],
    ])('answers 422 for %s in POST, PUT and PATCH alike', async (_, headers) => {
      const id = await newEndpoint();

      for (const answer of [
        await call('POST', '', { url: URL_OF_RECEIVER, headers }),
        await call('PUT', `/${id}/headers`, { headers }),
        await call('PATCH', `/${id}/headers`, { headers }),
      ]) {
        expect(answer.status).toBe(422);
        expect(problemsOf(answer)).toEqual(['body.headers']);
      }
      expect((await svix.endpoint.getHeaders(appId, id)).headers).toEqual({});
    });

    it('takes values of 4096 bytes and names from the whole alphabet of RFC 9110', async () => {
      const id = await newEndpoint();
      const headers = {
        "!#$%&'*+-.^_`|~09azAZ": 'a'.repeat(4096),
        __proto__x: '',
        Host: 'elsewhere',
        'webhook-x': '1',
      };

      await svix.endpoint.setHeaders(appId, id, { headers });

      expect((await svix.endpoint.getHeaders(appId, id)).headers).toEqual(headers);
    });

    it('never grows over 100 headers by PATCH', async () => {
      const id = await newEndpoint();
      const some = (from: number): Record<string, string> =>
        Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`X-${from + index}`, '1']));
      await svix.endpoint.patchHeaders(appId, id, { headers: some(0) });

      expect((await call('PATCH', `/${id}/headers`, { headers: some(60) })).status).toBe(422);
      expect((await call('PATCH', `/${id}/headers`, { headers: some(40) })).status).toBe(204);
    });

    it('answers 422 for a body without headers, and for deleteHeaders that are not texts', async () => {
      const id = await newEndpoint();

      expect((await call('PUT', `/${id}/headers`, {})).status).toBe(422);
      expect((await call('PATCH', `/${id}/headers`, {})).status).toBe(422);
      expect((await call('PATCH', `/${id}/headers`, { headers: null })).status).toBe(422);
      expect((await call('PATCH', `/${id}/headers`, { headers: {}, deleteHeaders: [1] })).status).toBe(422);
      expect((await call('PATCH', `/${id}/headers`, { headers: {}, deleteHeaders: 'X-A' })).status).toBe(422);
    });
  });

  describe('access', () => {
    const routes = [
      ['GET', ''],
      ['PUT', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['GET', '/secret'],
      ['POST', '/secret/rotate'],
      ['GET', '/headers'],
      ['PUT', '/headers'],
      ['PATCH', '/headers'],
    ] as const;
    const bodyOf = (method: string): unknown =>
      method === 'GET' || method === 'DELETE' ? undefined : { url: URL_OF_RECEIVER, headers: {} };

    it('lets an application token do everything in its own application', async () => {
      const token = server.token({ appId });

      const created = await call<{ id: string }>('POST', '', { url: URL_OF_RECEIVER }, { token });
      expect(created.status).toBe(201);
      expect((await call('GET', '', undefined, { token })).status).toBe(200);
      for (const [method, path] of routes.filter(([method]) => method !== 'DELETE')) {
        expect((await call(method, `/${created.body.id}${path}`, bodyOf(method), { token })).status).toBeLessThan(300);
      }
      expect((await call('DELETE', `/${created.body.id}`, undefined, { token })).status).toBe(204);
    });

    it.each([
      ['an application token of another application', (): string => server.token({ appId: otherAppId })],
      ['a token of another organization', (): string => server.token({ orgId: OTHER_ORGANIZATION })],
    ])('answers 404 on every route to %s', async (_, tokenOf) => {
      const endpointId = await newEndpoint();
      const token = tokenOf();

      expect((await call('GET', '', undefined, { token })).status).toBe(404);
      expect((await call('POST', '', { url: URL_OF_RECEIVER }, { token })).status).toBe(404);
      for (const [method, path] of routes) {
        const answer = await call(method, `/${endpointId}${path}`, bodyOf(method), { token });
        expect(answer).toMatchObject({ status: 404, body: { detail: 'Application not found' } });
      }
      expect((await svix.endpoint.get(appId, endpointId)).id).toBe(endpointId);
    });

    it('answers 404 on every route for an endpoint of another application', async () => {
      const uid = newUid();
      const endpoint = await svix.endpoint.create(appId, { url: URL_OF_RECEIVER, uid });

      for (const [method, path] of routes.filter(([method, path]) => method !== 'PUT' || path !== '')) {
        for (const name of [endpoint.id, uid]) {
          const answer = await call(method, `/${name}${path}`, bodyOf(method), { app: otherAppId });
          expect(answer).toMatchObject({ status: 404, body: { detail: 'Endpoint not found' } });
        }
      }
      expect((await call('PUT', `/${endpoint.id}`, { url: URL_OF_RECEIVER }, { app: otherAppId })).status).toBe(201);
      expect((await svix.endpoint.get(appId, uid)).description).toBe('');
    });

    it('answers 404 for the endpoints of a deleted application', async () => {
      const app = await svix.application.create({ name: 'leaving' });
      await svix.endpoint.create(app.id, { url: URL_OF_RECEIVER });
      const service = server.app.get(EndpointsService, { strict: false });

      await svix.application.delete(app.id);

      expect((await call('GET', '', undefined, { app: app.id })).status).toBe(404);
      expect((await service.forDelivery(app.id)).size).toBe(0);
    });

    it('answers 401 without a token', async () => {
      expect((await callApi(server.url, undefined, 'GET', `/app/${appId}/endpoint`)).status).toBe(401);
    });

    let otherAppId: string;
    beforeAll(async () => {
      otherAppId = (await svix.application.create({ name: 'another customer' })).id;
    });
  });

  describe('for the worker', () => {
    const service = (): EndpointsService => server.app.get(EndpointsService, { strict: false });

    it('holds what a delivery needs, and forgets it with every change', async () => {
      const { id } = await svix.endpoint.create(appId, {
        url: URL_OF_RECEIVER,
        eventTypes: ['user.signup'],
        channels: ['one'],
        throttleRate: 5,
        secret: HMAC_SECRET,
        headers: { 'X-A': '1' },
      });

      expect(await forDelivery(id)).toEqual({
        id,
        appId,
        url: URL_OF_RECEIVER,
        isDisabled: false,
        eventTypes: new Set(['user.signup']),
        channels: new Set(['one']),
        headers: { 'X-A': '1' },
        secrets: [{ secret: expect.anything(), expiresAtMs: null }],
        failingSinceMs: null,
        throttleRate: 5,
      });
      expect((await forDelivery(id)).secrets[0]?.secret.sign('a.1.', Buffer.from('{}'))).toBe(
        parseSecret(HMAC_SECRET).sign('a.1.', Buffer.from('{}')),
      );
      expect(await forDelivery(id)).toBe(await forDelivery(id));

      await svix.endpoint.patch(appId, id, { eventTypes: null });
      expect((await forDelivery(id)).eventTypes).toBeNull();
      await svix.endpoint.delete(appId, id);
      await expect(forDelivery(id)).rejects.toThrow();
    });

    it('remembers since when endpoints have failed, until they recover', async () => {
      const ids = [await newEndpoint(), await newEndpoint()];
      const [first, second] = ids as [string, string];

      await service().noteFailing([first], new Date(1_000));
      await service().noteFailing([second, first], new Date(2_000));
      expect((await forDelivery(first)).failingSinceMs).toBe(1_000);
      expect((await forDelivery(second)).failingSinceMs).toBe(2_000);

      await service().noteRecovered([first]);
      expect((await forDelivery(first)).failingSinceMs).toBeNull();
      expect((await forDelivery(second)).failingSinceMs).toBe(2_000);
    });

    it('survives many batches about the same endpoints at once', async () => {
      const ids = await Promise.all(Array.from({ length: 40 }, newEndpoint));

      await Promise.all(
        Array.from({ length: 200 }, (_, index) => {
          const shuffled = index % 2 === 0 ? ids : [...ids].reverse();
          return index % 4 < 2 ? service().noteFailing(shuffled, new Date(index)) : service().noteRecovered(shuffled);
        }),
      );
      await service().noteRecovered(ids);

      expect((await forDelivery(ids[0] ?? '')).failingSinceMs).toBeNull();
    });

    it('disables an endpoint that has failed for long enough, once', async () => {
      const id = await newEndpoint();
      await service().noteFailing([id], new Date(5_000));

      expect(await service().disableFailing(id, new Date(4_999))).toBe(false);
      expect((await svix.endpoint.get(appId, id)).disabled).toBe(false);
      expect(await service().disableFailing(id, new Date(5_001))).toBe(true);
      expect((await forDelivery(id)).isDisabled).toBe(true);
      expect((await svix.endpoint.get(appId, id)).disabled).toBe(true);
      expect(await service().disableFailing(id, new Date(5_001))).toBe(false);
    });

    it('does not disable one that recovered', async () => {
      const id = await newEndpoint();
      await service().noteFailing([id], new Date(5_000));
      await service().noteRecovered([id]);

      expect(await service().disableFailing(id, new Date(6_000))).toBe(false);
    });

    it('disables an endpoint that is gone, once', async () => {
      const id = await newEndpoint();

      expect(await service().disableGone(id)).toBe(true);
      expect((await forDelivery(id)).isDisabled).toBe(true);
      expect(await service().disableGone(id)).toBe(false);
    });

    it.each(['PATCH', 'PUT'])('lets an endpoint start afresh when %s enables it again', async (method) => {
      const id = await newEndpoint();
      await service().noteFailing([id], new Date(5_000));
      await call(method, `/${id}`, { url: URL_OF_RECEIVER, disabled: false });
      expect((await forDelivery(id)).failingSinceMs).toBe(5_000);
      await service().disableFailing(id, new Date(6_000));

      const answer = await call(method, `/${id}`, { url: URL_OF_RECEIVER, disabled: false });

      expect(answer).toMatchObject({ status: 200, body: { disabled: false } });
      expect(await forDelivery(id)).toMatchObject({ isDisabled: false, failingSinceMs: null });
    });

    it('does not mind endpoints that do not exist', async () => {
      await service().noteFailing(['ep_nothing'], new Date());
      await service().noteRecovered([]);

      expect(await service().disableGone('ep_nothing')).toBe(false);
      expect((await service().forDelivery('app_nothing')).size).toBe(0);
    });
  });
});

describe('endpoints of a server with other settings', () => {
  let server: TestApp;

  beforeAll(async () => {
    server = await startTestApp({ ENDPOINT_HTTPS_ONLY: 'true', DEFAULT_SIGNATURE_TYPE: 'ed25519' });
  }, 60_000);

  afterAll(() => server.stop());

  it('refuses http, and makes ed25519 secrets', async () => {
    const svix = new Svix(server.token(), { serverUrl: server.url });
    const app = await svix.application.create({ name: 'customer' });

    const refused = await callApi(server.url, server.token(), 'POST', `/app/${app.id}/endpoint`, {
      url: 'http://127.0.0.1:9/',
    });
    const endpoint = await svix.endpoint.create(app.id, { url: 'https://127.0.0.1:9/' });

    expect(refused.status).toBe(422);
    expect(refused.text).toContain('ENDPOINT_HTTPS_ONLY');
    expect((await svix.endpoint.getSecret(app.id, endpoint.id)).key).toMatch(/^whpk_/);
  });
});
