import { Svix } from 'svix';
import { Svix as SvixV1 } from 'svix-v1';
import { type ApiAnswer, callApi } from '../support/api';
import { startTestApp, type TestApp } from '../support/test-app';

const OTHER_ORGANIZATION = 'org_2mXLPKqXdU5bY8rVvY6jvBEuCbD';

interface AppPage {
  data: { id: string; name: string }[];
  iterator: string | null;
  prevIterator?: string;
  done: boolean;
}

describe('applications', () => {
  let server: TestApp;
  let svix: Svix;
  let svixV1: SvixV1;
  let counter = 0;

  beforeAll(async () => {
    server = await startTestApp();
    svix = new Svix(server.token(), { serverUrl: server.url });
    svixV1 = new SvixV1(server.token(), { serverUrl: server.url });
  }, 60_000);

  afterAll(() => server.stop());

  const newUid = (): string => `customer-${(counter += 1)}`;

  function call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    token = server.token(),
  ): Promise<ApiAnswer<T>> {
    return callApi<T>(server.url, token, method, path, body);
  }

  const problemsOf = (answer: ApiAnswer): unknown =>
    (answer.body['detail'] as { loc: string[] }[]).map((problem) => problem.loc.join('.'));

  describe('create', () => {
    it('answers 201, without uid and rateLimit when they are not set', async () => {
      const answer = await call('POST', '/app', { name: 'Acme' });

      expect(answer.status).toBe(201);
      expect(answer.body).toEqual({
        id: expect.stringMatching(/^app_[0-9A-Za-z]{27}$/),
        name: 'Acme',
        throttleRate: null,
        metadata: {},
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
        updatedAt: answer.body['createdAt'],
      });
    });

    it('keeps every field of both SDKs, reserved words in metadata included', async () => {
      const metadata = { plan: 'gold', constructor: 'a', toString: 'b' };
      const two = await svix.application.create({ name: 'Two', uid: newUid(), throttleRate: 7, metadata });
      const one = await svixV1.application.create({ name: 'One', uid: newUid(), rateLimit: 65_535 });

      expect(await svixV1.application.get(two.id)).toMatchObject({ rateLimit: 7, metadata });
      expect(await svix.application.get(one.uid ?? '')).toMatchObject({ id: one.id, throttleRate: 65_535 });
    });

    it('lets throttleRate win over its older name', async () => {
      const answer = await call('POST', '/app', { name: 'Acme', throttleRate: 5, rateLimit: 6 });

      expect(answer.body).toMatchObject({ throttleRate: 5, rateLimit: 5 });
    });

    it('answers 409 for a uid that is taken, and 200 with get_if_exists', async () => {
      const uid = newUid();
      const first = await svix.application.create({ name: 'first', uid });

      const clash = await call('POST', '/app', { name: 'second', uid });
      const found = await call('POST', '/app?get_if_exists=true', { name: 'second', uid });

      expect(clash).toMatchObject({ status: 409, body: { code: 'conflict' } });
      expect(found).toMatchObject({ status: 200, body: { id: first.id, name: 'first' } });
      expect((await svix.application.getOrCreate({ name: 'third', uid })).id).toBe(first.id);
    });

    it('makes one application of 20 concurrent creations with get_if_exists', async () => {
      const uid = newUid();

      const answers = await Promise.all(
        Array.from({ length: 20 }, () => call('POST', '/app?get_if_exists=true', { name: 'race', uid })),
      );

      expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1);
      expect(answers.map((answer) => answer.status).sort()).toEqual([...Array<number>(19).fill(200), 201]);
    });

    it.each([
      ['no name', {}, 'body.name'],
      ['an empty name', { name: '' }, 'body.name'],
      ['a number as name', { name: 5 }, 'body.name'],
      ['a NUL in the name', { name: 'a\0' }, 'body.name'],
      ['a uid with our prefix', { name: 'a', uid: 'app_mine' }, 'body.uid'],
      ['a uid with a slash', { name: 'a', uid: 'a/b' }, 'body.uid'],
      ['a throttle of 0', { name: 'a', throttleRate: 0 }, 'body.throttleRate'],
      ['a throttle over 65535', { name: 'a', throttleRate: 65_536 }, 'body.throttleRate'],
      ['a fraction as throttle', { name: 'a', throttleRate: 1.5 }, 'body.throttleRate'],
      ['a list as metadata', { name: 'a', metadata: [] }, 'body.metadata'],
      ['numbers in metadata', { name: 'a', metadata: { a: 1 } }, 'body.metadata'],
      ['a NUL in metadata', { name: 'a', metadata: { a: '\0' } }, 'body.metadata'],
      ['too much metadata', { name: 'a', metadata: { a: 'x'.repeat(4096) } }, 'body.metadata'],
    ])('answers 422 for %s', async (_, body, loc) => {
      const answer = await call('POST', '/app', body);

      expect(answer.status).toBe(422);
      expect(problemsOf(answer)).toEqual([loc]);
    });

    it.each([
      ['a body that is not JSON', '{"name":', 'body'],
      ['text after the JSON', '{"name":"a"} x', 'body'],
      ['a list', '[]', 'body'],
      ['a text', '"name"', 'body'],
      ['null', 'null', 'body'],
    ])('answers 422 for %s', async (_, body, loc) => {
      const answer = await call('POST', '/app', body);

      expect(answer.status).toBe(422);
      expect(problemsOf(answer)).toEqual([loc]);
    });

    it('answers 422 without a body, and for metadata or a name nested without end', async () => {
      const deep = '['.repeat(100_000) + ']'.repeat(100_000);

      expect((await call('POST', '/app')).status).toBe(422);
      expect((await call('POST', '/app', `{"name":"a","metadata":{"a":${deep}}}`)).status).toBe(422);
      expect((await call('POST', '/app', `{"name":${deep}}`)).status).toBe(422);
    });

    it('takes fields from the body itself only, not from its __proto__', async () => {
      const answer = await call(
        'POST',
        '/app',
        '{"name":"a","__proto__":{"uid":"app_mine"},"constructor":{"name":"b"}}',
      );

      expect(answer.status).toBe(201);
      expect(answer.body).toMatchObject({ name: 'a' });
      expect(answer.body['uid']).toBeUndefined();
      expect((await call('POST', '/app', '{"__proto__":{"name":"a"}}')).status).toBe(422);
    });

    it('answers 413 for a body over the limit', async () => {
      const answer = await call('POST', '/app', { name: 'a'.repeat(2_097_152) });

      expect(answer).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
    });

    it('answers 400 for a get_if_exists that is neither true nor false', async () => {
      expect((await call('POST', '/app?get_if_exists=1', { name: 'a' })).status).toBe(400);
    });
  });

  describe('update', () => {
    it('replaces all fields with 200', async () => {
      const app = await svix.application.create({ name: 'a', uid: newUid(), throttleRate: 5, metadata: { a: 'b' } });

      const answer = await call('PUT', `/app/${app.id}`, { name: 'b' });

      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ id: app.id, name: 'b', throttleRate: null, metadata: {} });
      expect(answer.body['uid']).toBeUndefined();
      expect((await call('GET', `/app/${app.uid}`)).status).toBe(404);
    });

    it('creates with 201 what the path does not name', async () => {
      const uid = newUid();

      const answer = await call('PUT', `/app/${uid}`, { name: 'a', uid });

      expect(answer.status).toBe(201);
      expect((await svix.application.get(uid)).id).toBe(answer.body['id']);
    });

    it('makes one application of 20 concurrent updates of one uid', async () => {
      const uid = newUid();

      const answers = await Promise.all(
        Array.from({ length: 20 }, () => call('PUT', `/app/${uid}`, { name: 'race', uid })),
      );

      expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1);
      expect(answers.map((answer) => answer.status).sort()).toEqual([...Array<number>(19).fill(200), 201]);
    });

    it('answers 409 for the uid of another application', async () => {
      const [first, second] = [newUid(), newUid()];
      await svix.application.create({ name: 'first', uid: first });
      await svix.application.create({ name: 'second', uid: second });

      expect((await call('PUT', `/app/${second}`, { name: 'a', uid: first })).status).toBe(409);
      expect((await call('PUT', `/app/${newUid()}`, { name: 'a', uid: first })).status).toBe(409);
      expect((await call('PATCH', `/app/${second}`, { uid: first })).status).toBe(409);
    });

    it('is what both generations of the SDK do', async () => {
      const uid = newUid();
      const made = await svix.application.upsert(uid, { name: 'a', uid });

      expect(await svixV1.application.update(uid, { name: 'b', uid })).toMatchObject({ id: made.id, name: 'b' });
    });
  });

  describe('patch', () => {
    it('changes the given fields only, and clears by null', async () => {
      const app = await svix.application.create({ name: 'a', uid: newUid(), throttleRate: 5, metadata: { a: 'b' } });

      expect(await svix.application.patch(app.id, { name: 'b' })).toMatchObject({
        name: 'b',
        uid: app.uid,
        throttleRate: 5,
        metadata: { a: 'b' },
      });
      const cleared = await call('PATCH', `/app/${app.id}`, { uid: null, throttleRate: null, metadata: null });
      expect(cleared.body).toMatchObject({ name: 'b', throttleRate: null, metadata: {} });
      expect(cleared.body['uid']).toBeUndefined();
    });

    it('loses no change when many change different fields at once', async () => {
      const app = await svix.application.create({ name: 'a' });
      const uid = newUid();

      await Promise.all([
        svix.application.patch(app.id, { name: 'b' }),
        svix.application.patch(app.id, { uid }),
        svixV1.application.patch(app.id, { rateLimit: 9 }),
        svix.application.patch(app.id, { metadata: { a: 'b' } }),
      ]);

      expect(await svix.application.get(app.id)).toMatchObject({
        name: 'b',
        uid,
        throttleRate: 9,
        metadata: { a: 'b' },
      });
    });

    it('answers 404 for what does not exist, whatever the path holds', async () => {
      for (const name of ['nobody', 'app_2mXLPKqXdU5bY8rVvY6jvBEuCbD', 'a%00b', 'a'.repeat(500), '%C3%A4', 'a%20b']) {
        expect((await call('PATCH', `/app/${name}`, { name: 'b' })).status).toBe(404);
        expect((await call('GET', `/app/${name}`)).status).toBe(404);
      }
    });

    it('answers 422 for null as name', async () => {
      const app = await svix.application.create({ name: 'a' });

      expect((await call('PATCH', `/app/${app.id}`, { name: null })).status).toBe(422);
    });
  });

  describe('delete', () => {
    it('answers 204 without a body, and frees the uid', async () => {
      const uid = newUid();
      const app = await svix.application.create({ name: 'a', uid });

      const answer = await call('DELETE', `/app/${uid}`);

      expect(answer).toMatchObject({ status: 204, text: '' });
      expect((await call('GET', `/app/${uid}`)).status).toBe(404);
      expect((await call('GET', `/app/${app.id}`)).status).toBe(404);
      expect((await call('DELETE', `/app/${app.id}`)).status).toBe(404);
      expect((await svix.application.create({ name: 'b', uid })).id).not.toBe(app.id);
    });
  });

  describe('list', () => {
    const orgId = 'org_2mXLPKqXdU5bY8rVvY6jvLISTED';
    const ids: string[] = [];
    const listed = (query: string): Promise<ApiAnswer<AppPage>> =>
      call<AppPage>('GET', `/app${query}`, undefined, server.token({ orgId }));
    const idsOf = (page: ApiAnswer<AppPage>): string[] => page.body.data.map((item) => item.id);

    beforeAll(async () => {
      const client = new Svix(server.token({ orgId }), { serverUrl: server.url });
      for (let index = 0; index < 7; index++) {
        ids.push((await client.application.create({ name: `customer ${index}` })).id);
      }
    });

    it.each(['ascending', 'descending'])('goes forwards and backwards through all pages, %s', async (order) => {
      const expected = order === 'ascending' ? ids : [...ids].reverse();
      const first = await listed(`?limit=3&order=${order}`);
      const second = await listed(`?limit=3&order=${order}&iterator=${first.body.iterator}`);
      const third = await listed(`?limit=3&order=${order}&iterator=${second.body.iterator}`);

      expect([idsOf(first), idsOf(second), idsOf(third)]).toEqual([
        expected.slice(0, 3),
        expected.slice(3, 6),
        expected.slice(6),
      ]);
      expect([first.body.done, second.body.done, third.body.done]).toEqual([false, false, true]);
      expect(third.body.iterator).toBe(expected[6]);
      expect(first.body.prevIterator).toBeUndefined();

      const back = await listed(`?limit=3&order=${order}&iterator=${third.body.prevIterator}`);
      const begin = await listed(`?limit=3&order=${order}&iterator=${back.body.prevIterator}`);
      expect([idsOf(back), idsOf(begin)]).toEqual([expected.slice(3, 6), expected.slice(0, 3)]);
      expect([back.body.done, begin.body.done]).toEqual([false, true]);
    });

    it('is ascending by default and of 50 items', async () => {
      expect(idsOf(await listed(''))).toEqual(ids);
    });

    it('takes limit 0, and answers an empty page after the last item', async () => {
      expect((await listed('?limit=0')).body).toEqual({ data: [], iterator: null, done: false });
      expect((await listed(`?iterator=${ids[6]}`)).body).toEqual({ data: [], iterator: null, done: true });
    });

    it('answers 400 and 422 for queries that make no sense', async () => {
      expect((await listed('?limit=many')).status).toBe(400);
      expect((await listed('?limit=-1')).status).toBe(400);
      expect((await listed('?limit=5&limit=6')).status).toBe(400);
      expect((await listed('?order=up')).status).toBe(400);
      const tooMany = await listed('?limit=251');
      expect(tooMany.status).toBe(422);
      expect(tooMany.text).toContain('Given limit must not exceed 250');
      for (const iterator of ['app_x', 'app_', '', '-', 'ep_2mXLPKqXdU5bY8rVvY6jvBEuCbD', `${ids[0]}%00`]) {
        expect((await listed(`?iterator=${iterator}`)).status).toBe(422);
      }
    });
  });

  describe('access', () => {
    it('keeps organizations apart', async () => {
      const uid = newUid();
      const app = await svix.application.create({ name: 'ours', uid });
      const other = server.token({ orgId: OTHER_ORGANIZATION });

      expect((await call('GET', `/app/${app.id}`, undefined, other)).status).toBe(404);
      expect((await call('GET', `/app/${uid}`, undefined, other)).status).toBe(404);
      expect((await call('PATCH', `/app/${app.id}`, { name: 'theirs' }, other)).status).toBe(404);
      expect((await call('DELETE', `/app/${app.id}`, undefined, other)).status).toBe(404);
      expect((await call('POST', '/app', { name: 'theirs', uid }, other)).status).toBe(201);
      expect((await call<AppPage>('GET', '/app', undefined, other)).body.data.map((item) => item.name)).toEqual([
        'theirs',
      ]);
      expect((await svix.application.get(uid)).name).toBe('ours');
    });

    it('lets an application token read its own application, and nothing else', async () => {
      const own = await svix.application.create({ name: 'own', uid: newUid() });
      const other = await svix.application.create({ name: 'other', uid: newUid() });
      const token = server.token({ appId: own.id });

      expect((await call('GET', `/app/${own.id}`, undefined, token)).status).toBe(200);
      expect((await call('GET', `/app/${own.uid}`, undefined, token)).status).toBe(200);
      expect((await call('GET', `/app/${other.id}`, undefined, token)).status).toBe(404);
      expect((await call('GET', `/app/${other.uid}`, undefined, token)).status).toBe(404);
      for (const [method, path] of [
        ['GET', '/app'],
        ['POST', '/app'],
        ['PUT', `/app/${own.id}`],
        ['PATCH', `/app/${own.id}`],
        ['DELETE', `/app/${own.id}`],
      ] as const) {
        const answer = await call(
          method,
          path,
          method === 'GET' || method === 'DELETE' ? undefined : { name: 'a' },
          token,
        );
        expect(answer).toMatchObject({ status: 403, body: { code: 'insufficient_access' } });
      }
    });

    it('answers 401 without a good token', async () => {
      expect((await callApi(server.url, undefined, 'GET', '/app')).status).toBe(401);
      expect((await call('GET', '/app', undefined, 'nonsense')).body).toMatchObject({ code: 'authentication_failed' });
    });

    it('answers 404 and 405 in JSON, and takes trailing slashes', async () => {
      expect(await call('GET', '/nothing')).toMatchObject({ status: 404, body: { code: 'not_found' } });
      const answer = await call('POST', '/app/x', {});
      expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
      expect(answer.headers.get('allow')).toContain('PATCH');
      expect((await call('GET', '/app/')).status).toBe(200);
    });
  });
});
