import { type ApiAnswer, callApi } from '../support/api';
import { startTestApp, type TestApp } from '../support/test-app';

describe('idempotency keys of other operations than posting messages', () => {
  let app: TestApp;
  let token: string;

  beforeAll(async () => {
    app = await startTestApp();
    token = app.token();
  });

  afterAll(() => app.stop());

  function post(path: string, key: string, body: unknown, as = token): Promise<ApiAnswer> {
    return callApi(app.url, as, 'POST', path, body, { 'idempotency-key': key });
  }

  it('gives the first answer again instead of doing it twice', async () => {
    const first = await post('/app', 'key-1', { name: 'one' });
    const again = await post('/app', 'key-1', { name: 'one' });
    expect(first.status).toBe(201);
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect((await callApi<{ data: unknown[] }>(app.url, token, 'GET', '/app')).body.data).toHaveLength(1);
  });

  it('keeps a secret that was answered readable only for the one who asked', async () => {
    const { body: application } = await post('/app', 'key-secret-app', { name: 'secrets' });
    const endpoint = await post(`/app/${String(application['id'])}/endpoint`, 'key-secret-ep', {
      url: 'http://127.0.0.1:9/',
    });
    const path = `/app/${String(application['id'])}/endpoint/${String(endpoint.body['id'])}/secret/rotate`;
    const agent = { 'idempotency-key': 'key-rotate', 'user-agent': 'svix-libs/2.9.1/python' };
    const first = await callApi(app.url, token, 'POST', path, {}, agent);
    const again = await callApi(app.url, token, 'POST', path, {}, agent);
    expect(first.status).toBe(200);
    expect(again.body).toEqual(first.body);
  });

  it('does it once for many at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post('/app', 'key-many', { name: 'many' })));
    expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1);
    expect(answers.every((answer) => answer.status === 201)).toBe(true);
  });

  it('frees the key of a request that failed', async () => {
    expect((await post('/app', 'key-failed', {})).status).toBe(422);
    expect((await post('/app', 'key-failed', { name: 'now it is right' })).status).toBe(201);
  });

  it('keeps the keys of organizations and paths apart', async () => {
    const other = app.token({ orgId: 'org_00000000000000000000000001a' });
    const mine = await post('/app', 'key-apart', { name: 'apart' });
    const theirs = await post('/app', 'key-apart', { name: 'apart' }, other);
    expect(theirs.status).toBe(201);
    expect(theirs.body['id']).not.toBe(mine.body['id']);
    expect((await post('/event-type', 'key-apart', { name: 'a.b', description: 'd' })).status).toBe(201);
  });

  it('answers a body-less success again', async () => {
    const { body: application } = await post('/app', 'key-resend-app', { name: 'resend' });
    const base = `/app/${String(application['id'])}`;
    const endpoint = await post(`${base}/endpoint`, 'key-ep', { url: 'http://127.0.0.1:9/', disabled: true });
    const path = `${base}/endpoint/${String(endpoint.body['id'])}/secret/rotate`;
    expect((await post(path, 'key-204', {})).status).toBe(204);
    const again = await post(path, 'key-204', {});
    expect(again.status).toBe(204);
    expect(again.text).toBe('');
  });

  it('refuses a key that is too long', async () => {
    expect((await post('/app', 'k'.repeat(513), { name: 'x' })).status).toBe(400);
  });
});
