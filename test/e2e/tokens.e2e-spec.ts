import { decode } from 'jsonwebtoken';
import { callApi } from '../support/api';
import { createToken, type ServerEnv } from '../support/posthorn-process';
import { startTestApp, TEST_ORGANIZATION, type TestApp } from '../support/test-app';

describe('posthorn token create', () => {
  const env: ServerEnv = { JWT_SECRET: 'a secret that both have', MAIN_SECRET: 'another secret that both have' };
  let server: TestApp;

  beforeAll(async () => {
    server = await startTestApp(env);
  }, 60_000);

  afterAll(() => server.stop(), 20_000);

  const statusOf = async (token: string, method: string, path: string, body?: unknown): Promise<number> =>
    (await callApi(server.url, token, method, path, body)).status;

  function lifeSecondsOf(token: string): number {
    const { exp = 0, iat = 0 } = decode(token, { json: true }) ?? {};
    return exp - iat;
  }

  it('prints a token of the default organization for ten years, and nothing else', async () => {
    const token = await createToken(env);

    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(decode(token)).toMatchObject({ sub: TEST_ORGANIZATION });
    expect(lifeSecondsOf(token)).toBe(10 * 365 * 86_400);
    expect(await statusOf(token, 'POST', '/app', { name: 'a' })).toBe(201);
  }, 30_000);

  it('makes tokens of other organizations, which see only what is theirs', async () => {
    const own = await callApi<{ id: string }>(server.url, server.token(), 'POST', '/app', { name: 'a' });
    const token = await createToken(env, ['--org', 'org_2mXLPKqXdU5bY8rVvY6jvBEuCbD']);

    expect(await statusOf(token, 'GET', `/app/${own.body.id}`)).toBe(404);
    expect(await statusOf(token, 'GET', '/app')).toBe(200);
  }, 30_000);

  it('limits a token to one application, and to a time', async () => {
    const { body: app } = await callApi<{ id: string }>(server.url, server.token(), 'POST', '/app', { name: 'a' });
    const token = await createToken(env, ['--app', app.id, '--expires-in', '90m']);

    expect(lifeSecondsOf(token)).toBe(5400);
    expect(await statusOf(token, 'GET', `/app/${app.id}`)).toBe(200);
    expect(await statusOf(token, 'GET', '/app')).toBe(403);
    expect(await statusOf(token, 'GET', '/event-type')).toBe(200);
  }, 30_000);

  it('makes tokens that expire', async () => {
    const token = await createToken(env, ['--expires-in', '0s']);
    // A clock may differ by five seconds.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    const answer = await callApi(server.url, token, 'GET', '/app');

    expect(answer).toMatchObject({ status: 401, body: { detail: 'The token has expired.' } });
  }, 30_000);

  it('makes tokens that a server with another secret refuses', async () => {
    const token = await createToken({ ...env, JWT_SECRET: 'a secret of somebody else' });

    expect(await statusOf(token, 'GET', '/app')).toBe(401);
  }, 30_000);

  it.each([
    ['--org', 'acme', '--org: expected an id like org_'],
    ['--org', 'org_', '--org: expected an id like org_'],
    ['--app', 'ep_x', '--app: expected an id like app_'],
    ['--app', 'app_', '--app: expected an id like app_'],
    ['--expires-in', 'soon', '--expires-in: expected a time like 30m'],
    ['--expires-in', '1.5h', '--expires-in: expected a time like 30m'],
    ['--unknown', 'x', "unknown option '--unknown'"],
  ])(
    'refuses %s %s and says why',
    async (option, value, reason) => {
      await expect(createToken(env, [option, value])).rejects.toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining(reason),
      });
    },
    30_000,
  );
});
