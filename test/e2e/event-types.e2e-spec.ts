import { Svix } from 'svix';
import { Svix as SvixV1 } from 'svix-v1';
import { type ApiAnswer, callApi } from '../support/api';
import { startTestApp, type TestApp } from '../support/test-app';

const OTHER_ORGANIZATION = 'org_2mXLPKqXdU5bY8rVvY6jvBEuCbD';

describe('event types', () => {
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

  const newName = (): string => `test.event-${(counter += 1)}`;

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
    it('answers 201 with every field, unset ones null', async () => {
      const name = newName();

      const answer = await call('POST', '/event-type', { name, description: 'A user has signed up' });

      expect(answer.status).toBe(201);
      expect(answer.body).toEqual({
        name,
        description: 'A user has signed up',
        archived: false,
        deprecated: false,
        schemas: null,
        featureFlags: null,
        featureFlag: null,
        groupName: null,
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
        updatedAt: answer.body['createdAt'],
      });
    });

    it('keeps schemas, flags and group of the SDK', async () => {
      const name = newName();
      const schemas = {
        1: { type: 'object', properties: { constructor: { type: 'string' }, toString: true } },
        2: true,
      };

      const created = await svix.eventType.create({
        name,
        description: '',
        deprecated: true,
        schemas,
        featureFlags: ['beta', 'gamma', 'beta'],
        groupName: 'user',
      });

      expect(created).toMatchObject({ deprecated: true, schemas, featureFlags: ['beta', 'gamma'], groupName: 'user' });
      expect(created.featureFlag).toBeNull();
      expect(await svix.eventType.get(name)).toEqual(created);
    });

    it('answers 409 event_type_exists for a live one', async () => {
      const name = newName();
      await svix.eventType.create({ name, description: 'first' });

      const answer = await call('POST', '/event-type', { name, description: 'second' });

      expect(answer).toMatchObject({ status: 409, body: { code: 'event_type_exists' } });
      expect((await svix.eventType.get(name)).description).toBe('first');
    });

    it('takes an archived one out of the archive and overwrites it', async () => {
      const name = newName();
      const first = await svix.eventType.create({ name, description: 'first', schemas: { 1: {} }, groupName: 'old' });
      await svix.eventType.delete(name);

      const answer = await call('POST', '/event-type', { name, description: 'second' });

      expect(answer.status).toBe(201);
      expect(answer.body).toMatchObject({ description: 'second', archived: false, schemas: null, groupName: null });
      expect(answer.body['createdAt']).toBe(first.createdAt.toISOString());
    });

    it('lets one of many concurrent callers win', async () => {
      const name = newName();

      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => call('POST', '/event-type', { name, description: `number ${index}` })),
      );

      const won = answers.filter((answer) => answer.status === 201);
      expect(won).toHaveLength(1);
      expect(answers.filter((answer) => answer.status === 409)).toHaveLength(11);
      expect((await svix.eventType.get(name)).description).toBe(won[0]?.body['description']);
    });

    it.each([
      ['no name', { description: '' }, 'body.name'],
      ['no description', { name: 'a' }, 'body.description'],
      ['a name with a space', { name: 'a b', description: '' }, 'body.name'],
      ['an endless name', { name: 'a'.repeat(257), description: '' }, 'body.name'],
      ['a NUL in the description', { name: 'a', description: 'a\0b' }, 'body.description'],
      ['a text as flag', { name: 'a', description: '', archived: 'yes' }, 'body.archived'],
      ['null as flag', { name: 'a', description: '', deprecated: null }, 'body.deprecated'],
      ['a list as schemas', { name: 'a', description: '', schemas: [] }, 'body.schemas'],
      ['a text as schema', { name: 'a', description: '', schemas: { 1: 'object' } }, 'body.schemas'],
      ['a NUL in a schema', { name: 'a', description: '', schemas: { 1: { title: '\0' } } }, 'body.schemas'],
      ['half a surrogate pair', { name: 'a', description: '', schemas: { '\ud800': {} } }, 'body.schemas'],
      ['a text as flags', { name: 'a', description: '', featureFlags: 'beta' }, 'body.featureFlags'],
      ['a list as flag', { name: 'a', description: '', featureFlag: ['beta'] }, 'body.featureFlag'],
      ['an empty group', { name: 'a', description: '', groupName: '' }, 'body.groupName'],
    ])('answers 422 for %s', async (_, body, loc) => {
      const answer = await call('POST', '/event-type', body);

      expect(answer.status).toBe(422);
      expect(problemsOf(answer)).toEqual([loc]);
    });

    it('answers 422 for a schema nested without end', async () => {
      const body = `{"name":"deep","description":"","schemas":{"1":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}}`;

      const answer = await call('POST', '/event-type', body);

      expect(answer.status).toBe(422);
      expect(problemsOf(answer)).toEqual(['body.schemas']);
    });
  });

  describe('upsert', () => {
    it('answers 201 for a new one and 200 for one that it replaces', async () => {
      const name = newName();

      const first = await call('PUT', `/event-type/${name}`, {
        description: 'first',
        groupName: 'user',
        schemas: { 1: {} },
      });
      const second = await call('PUT', `/event-type/${name}`, { description: 'second', deprecated: true });

      expect(first).toMatchObject({ status: 201, body: { name, description: 'first', groupName: 'user' } });
      expect(second).toMatchObject({
        status: 200,
        body: { description: 'second', deprecated: true, groupName: null, schemas: null },
      });
      expect(second.body['createdAt']).toBe(first.body['createdAt']);
    });

    it('revives an archived one with 200', async () => {
      const name = newName();
      await svix.eventType.create({ name, description: 'first' });
      await svix.eventType.delete(name);

      const answer = await call('PUT', `/event-type/${name}`, { description: 'second' });

      expect(answer).toMatchObject({ status: 200, body: { archived: false } });
    });

    it('takes its name from the path only', async () => {
      const name = newName();

      const answer = await call('PUT', `/event-type/${name}`, { name: 'other', description: '' });

      expect(answer.body['name']).toBe(name);
    });

    it('answers 422 for a name that cannot be one', async () => {
      const answer = await call('PUT', `/event-type/${encodeURIComponent('a b')}`, { description: '' });

      expect(answer.status).toBe(422);
      expect(problemsOf(answer)).toEqual(['path.event_type_name']);
    });

    it('creates one in a race of many and replaces it in the others', async () => {
      const name = newName();

      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          call('PUT', `/event-type/${name}`, { description: `number ${index}` }),
        ),
      );

      expect(answers.map((answer) => answer.status).sort()).toEqual([...Array<number>(11).fill(200), 201]);
    });

    it('is what both generations of the SDK do', async () => {
      const name = newName();

      await svix.eventType.upsert(name, { description: 'two', featureFlags: ['beta'] });
      const read = await svixV1.eventType.get(name);
      await svixV1.eventType.update(name, { description: 'one', featureFlag: 'gamma' });

      expect(read).toMatchObject({ description: 'two', featureFlag: 'beta', featureFlags: ['beta'] });
      expect(await svix.eventType.get(name)).toMatchObject({ description: 'one', featureFlags: ['gamma'] });
    });
  });

  describe('patch', () => {
    it('changes the given fields only, and clears by null', async () => {
      const name = newName();
      const created = await svix.eventType.create({
        name,
        description: 'first',
        schemas: { 1: {} },
        groupName: 'user',
        featureFlags: ['beta'],
      });

      const patched = await svix.eventType.patch(name, { deprecated: true, groupName: null, featureFlags: [] });

      expect(patched).toMatchObject({
        description: 'first',
        deprecated: true,
        schemas: { 1: {} },
        groupName: null,
        featureFlags: null,
        createdAt: created.createdAt,
      });
      expect(patched.updatedAt.getTime()).toBeGreaterThanOrEqual(created.updatedAt.getTime());
    });

    it('reads the older form of feature flags, which the newer one beats', async () => {
      const name = newName();
      await svix.eventType.create({ name, description: '' });

      expect(await svixV1.eventType.patch(name, { featureFlag: 'beta' })).toMatchObject({ featureFlags: ['beta'] });
      expect(await svixV1.eventType.patch(name, { featureFlag: 'beta', featureFlags: ['a', 'b'] })).toMatchObject({
        featureFlags: ['a', 'b'],
        featureFlag: null,
      });
      expect(await svixV1.eventType.patch(name, { featureFlag: null })).toMatchObject({ featureFlags: null });
    });

    it('loses no change when many change different fields at once', async () => {
      const name = newName();
      await svix.eventType.create({ name, description: '' });

      await Promise.all([
        svix.eventType.patch(name, { description: 'new' }),
        svix.eventType.patch(name, { deprecated: true }),
        svix.eventType.patch(name, { groupName: 'user' }),
        svix.eventType.patch(name, { schemas: { 1: true } }),
      ]);

      expect(await svix.eventType.get(name)).toMatchObject({
        description: 'new',
        deprecated: true,
        groupName: 'user',
        schemas: { 1: true },
      });
    });

    it('answers 422 for null where a value is needed, and 404 for what does not exist', async () => {
      const name = newName();
      await svix.eventType.create({ name, description: '' });

      expect((await call('PATCH', `/event-type/${name}`, { description: null })).status).toBe(422);
      expect((await call('PATCH', `/event-type/${name}`, { archived: null })).status).toBe(422);
      expect((await call('PATCH', '/event-type/nothing', { description: '' })).status).toBe(404);
      expect((await call('PATCH', '/event-type/a%00b', { description: '' })).status).toBe(404);
    });
  });

  describe('delete', () => {
    it('archives it: hidden from the list, still there by name', async () => {
      const name = newName();
      await svix.eventType.create({ name, description: '' });

      const answer = await call('DELETE', `/event-type/${name}`);

      expect(answer).toMatchObject({ status: 204, text: '' });
      expect((await svix.eventType.get(name)).archived).toBe(true);
      const names = (await svix.eventType.list({ limit: 250 })).data.map((item) => item.name);
      expect(names).not.toContain(name);
      const all = (await svix.eventType.list({ limit: 250, includeArchived: true })).data.map((item) => item.name);
      expect(all).toContain(name);
    });

    it('leaves nothing with expunge', async () => {
      const name = newName();
      await svix.eventType.create({ name, description: '' });

      await svix.eventType.delete(name, { expunge: true });

      expect((await call('GET', `/event-type/${name}`)).status).toBe(404);
    });

    it('answers 404 for what does not exist and 400 for an expunge that is neither true nor false', async () => {
      expect((await call('DELETE', '/event-type/nothing')).status).toBe(404);
      expect((await call('DELETE', '/event-type/nothing?expunge=true')).status).toBe(404);
      expect((await call('DELETE', '/event-type/nothing?expunge=1')).status).toBe(400);
    });
  });

  describe('list', () => {
    const orgId = 'org_2mXLPKqXdU5bY8rVvY6jvLISTED';
    const names = ['--', '-b', '.a', '1', 'Z', '_', 'a', 'a.b'];
    const listed = (
      path: string,
    ): Promise<ApiAnswer<{ data: { name: string }[]; iterator: string; prevIterator?: string; done: boolean }>> =>
      call('GET', `/event-type${path}`, undefined, server.token({ orgId }));

    beforeAll(async () => {
      const client = new Svix(server.token({ orgId }), { serverUrl: server.url });
      for (const name of [...names].reverse()) {
        await client.eventType.create({ name, description: '', schemas: { 1: {} } });
      }
    });

    it.each([
      ['ascending', names],
      ['descending', [...names].reverse()],
    ])('goes forwards and backwards through all pages, %s', async (order, expected) => {
      const forwards: string[] = [];
      let page = await listed(`?limit=3&order=${order}`);
      expect(page.body.prevIterator).toBeUndefined();
      for (;;) {
        forwards.push(...page.body.data.map((item) => item.name));
        if (page.body.done) {
          break;
        }
        page = await listed(`?limit=3&order=${order}&iterator=${encodeURIComponent(page.body.iterator)}`);
      }
      expect(forwards).toEqual(expected);

      const backwards: string[] = [];
      for (;;) {
        page = await listed(`?limit=3&order=${order}&iterator=${encodeURIComponent(page.body.prevIterator ?? '')}`);
        backwards.unshift(...page.body.data.map((item) => item.name));
        if (page.body.done) {
          break;
        }
      }
      expect(backwards).toEqual(expected.slice(0, 6));
    });

    it('is ascending by default and takes a name as iterator', async () => {
      expect((await listed('')).body.data.map((item) => item.name)).toEqual(names);
      expect((await listed('?iterator=Z')).body.data.map((item) => item.name)).toEqual(['_', 'a', 'a.b']);
    });

    it('shows schemas with with_content only', async () => {
      const client = new Svix(server.token({ orgId }), { serverUrl: server.url });

      const without = await client.eventType.list({ limit: 1 });
      const content = await client.eventType.list({ limit: 1, withContent: true });

      expect(without.data[0]?.schemas).toBeNull();
      expect(content.data[0]?.schemas).toEqual({ 1: {} });
    });

    it('answers 400 and 422 for queries that make no sense', async () => {
      expect((await listed('?limit=many')).status).toBe(400);
      expect((await listed('?limit=251')).status).toBe(422);
      expect((await listed('?order=up')).status).toBe(400);
      expect((await listed('?include_archived=1')).status).toBe(400);
      expect((await listed('?with_content=yes')).status).toBe(400);
      expect((await listed(`?iterator=${encodeURIComponent('a b')}`)).status).toBe(422);
      expect((await listed('?iterator=')).status).toBe(422);
      expect((await listed('?iterator=a%00')).status).toBe(422);
    });
  });

  describe('access', () => {
    it('keeps organizations apart', async () => {
      const name = newName();
      await svix.eventType.create({ name, description: 'ours' });
      const other = server.token({ orgId: OTHER_ORGANIZATION });

      expect((await call('GET', `/event-type/${name}`, undefined, other)).status).toBe(404);
      expect((await call('PATCH', `/event-type/${name}`, { description: 'theirs' }, other)).status).toBe(404);
      expect((await call('DELETE', `/event-type/${name}?expunge=true`, undefined, other)).status).toBe(404);
      expect((await call('PUT', `/event-type/${name}`, { description: 'theirs' }, other)).status).toBe(201);
      expect((await svix.eventType.get(name)).description).toBe('ours');
    });

    it('lets application tokens read what has no feature flags, and nothing else', async () => {
      const app = await svix.application.create({ name: 'customer' });
      const token = server.token({ appId: app.id });
      const [open, flagged] = [newName(), newName()];
      await svix.eventType.create({ name: open, description: '' });
      await svix.eventType.create({ name: flagged, description: '', featureFlags: ['beta'] });

      const list = await call<{ data: { name: string }[] }>('GET', '/event-type?limit=250', undefined, token);

      const names = list.body.data.map((item) => item.name);
      expect(names).toContain(open);
      expect(names).not.toContain(flagged);
      expect((await call('GET', `/event-type/${open}`, undefined, token)).status).toBe(200);
      expect((await call('GET', `/event-type/${flagged}`, undefined, token)).status).toBe(404);
      expect((await call('POST', '/event-type', { name: 'mine', description: '' }, token)).status).toBe(403);
      expect((await call('PUT', `/event-type/${open}`, { description: '' }, token)).status).toBe(403);
      expect((await call('PATCH', `/event-type/${open}`, { description: '' }, token)).status).toBe(403);
      expect((await call('DELETE', `/event-type/${open}`, undefined, token)).status).toBe(403);
    });

    it('answers 401 without a token and 405 for a method that does not exist', async () => {
      expect((await callApi(server.url, undefined, 'GET', '/event-type')).status).toBe(401);
      const answer = await call('POST', '/event-type/a', {});
      expect(answer.status).toBe(405);
      expect(answer.headers.get('allow')).toContain('PUT');
    });
  });
});
