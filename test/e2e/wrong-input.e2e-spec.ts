import { createHmac, generateKeyPairSync } from 'node:crypto';
import { sign, type SignOptions } from 'jsonwebtoken';
import { newId } from '@libs/sortable-id/sortable-id';
import { type ApiAnswer, callApi } from '../support/api';
import { startTestApp, TEST_ORGANIZATION, type TestApp } from '../support/test-app';

const OTHER_ORGANIZATION = 'org_2mXLPKqXdU5bY8rVvY6jvBEuCbD';
const SECRET = 'a secret of the tests only';
/** Nobody listens there. */
const URL = 'http://127.0.0.1:1/';

interface Things {
  app: string;
  endpoint: string;
  message: string;
}

/** Requests that are wrong in what they say: each gets the documented status and body. */
describe('wrong input', () => {
  let server: TestApp;
  let own: Things;
  let others: Things;

  beforeAll(async () => {
    server = await startTestApp({ RATE_LIMIT_PER_TOKEN: '100000', RATE_LIMIT_PER_ADDRESS: '100000' });
    own = await makeThings();
    others = await makeThings(OTHER_ORGANIZATION);
  }, 60_000);

  afterAll(() => server.stop(), 20_000);

  function call(method: string, path: string, body?: unknown, token = server.token()): Promise<ApiAnswer> {
    return callApi(server.url, token, method, path, body);
  }

  async function makeThings(orgId?: string): Promise<Things> {
    const token = server.token({ orgId });
    const create = async (path: string, body: unknown): Promise<string> =>
      (await callApi<{ id: string }>(server.url, token, 'POST', path, body)).body.id;
    const app = await create('/app', { name: 'a' });
    const endpoint = await create(`/app/${app}/endpoint`, { url: URL });
    return { app, endpoint, message: await create(`/app/${app}/msg`, { eventType: 'a', payload: {} }) };
  }

  function expectError(answer: ApiAnswer, status: number, code: string): void {
    expect(answer).toMatchObject({ status });
    expect(answer.body).toEqual({
      code,
      detail: expect.any(String),
      requestId: answer.headers.get('x-request-id'),
    });
  }

  /** 422, with the places of the problems. */
  function expectProblems(answer: ApiAnswer, ...places: string[]): void {
    expect(answer).toMatchObject({ status: 422 });
    const problems = answer.body['detail'] as { loc: string[]; msg: string; type: string }[];
    expect(problems.map(({ loc }) => loc.join('.'))).toEqual(places);
    for (const problem of problems) {
      expect(problem).toEqual({
        loc: expect.any(Array),
        msg: expect.any(String),
        type: expect.stringMatching(/^value_error(\.jsondecode)?$/),
      });
    }
  }

  describe('a token', () => {
    const [header, claims] = [{ alg: 'HS256', typ: 'JWT' }, { sub: TEST_ORGANIZATION }];
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const make = (payload: object, options: SignOptions = {}, secret = SECRET): string =>
      sign(payload, secret, { expiresIn: 60, ...options });
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

    it.each<[string, () => string]>([
      ['is expired', () => make(claims, { expiresIn: -60 })],
      ['is not valid yet', () => make(claims, { notBefore: 60 })],
      ['is signed with another secret', () => make(claims, {}, 'a secret of somebody else')],
      ['is signed with another algorithm of the same secret', () => make(claims, { algorithm: 'HS512' })],
      ['is signed with an RSA key', () => sign(claims, privateKey, { algorithm: 'RS256' })],
      ['is not signed', () => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`],
      ['is not signed, but says HS256', () => `${encode(header)}.${encode(claims)}.`],
      [
        'says none and is signed all the same',
        () => {
          const signed = `${encode({ ...header, alg: 'none' })}.${encode(claims)}`;
          return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
        },
      ],
      ['names no organization', () => make({})],
      ['names an organization that cannot be one', () => make({ sub: 'org_' })],
      ['names one with a NUL', () => make({ sub: `${TEST_ORGANIZATION}\0` })],
      ['names an application without its organization', () => make({ sub: newId('app', Date.now()) })],
      ['names an organization twice', () => make({ sub: TEST_ORGANIZATION, org: OTHER_ORGANIZATION })],
      ['has a number as subject', () => `${encode(header)}.${encode({ sub: 5 })}.x`],
      ['is no token', () => 'nonsense'],
      ['is the secret itself', () => 'secret'],
      ['is very long', () => 'a'.repeat(8000)],
    ])('is refused when it %s', async (_, token) => {
      const answer = await call('GET', '/app', undefined, token());

      expectError(answer, 401, 'authentication_failed');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    });

    it.each(['', 'Basic YTpi', 'Bearer', 'Bearer  ', 'Token abc'])(
      'is asked for when the header is "%s"',
      async (text) => {
        const answer = await callApi(server.url, undefined, 'GET', '/app', undefined, { authorization: text });

        expectError(answer, 401, 'authentication_failed');
      },
    );

    it('is not needed for an unknown path, and comes before everything else on a known one', async () => {
      expect((await callApi(server.url, undefined, 'GET', '/nothing')).status).toBe(404);
      expect((await callApi(server.url, undefined, 'GET', '/app?limit=x')).status).toBe(401);
      expect((await callApi(server.url, undefined, 'POST', `/app/${own.app}/msg`, {})).status).toBe(401);
    });
  });

  describe('an iterator', () => {
    const lists = (): [string, 'app' | 'ep' | 'msg' | 'atmpt'][] => [
      ['/app', 'app'],
      [`/app/${own.app}/endpoint`, 'ep'],
      [`/app/${own.app}/msg`, 'msg'],
      [`/app/${own.app}/attempt/endpoint/${own.endpoint}`, 'atmpt'],
      [`/app/${own.app}/attempt/msg/${own.message}`, 'atmpt'],
      [`/app/${own.app}/endpoint/${own.endpoint}/msg`, 'msg'],
      [`/app/${own.app}/msg/${own.message}/endpoint`, 'ep'],
    ];

    it('is refused by every list when no list returned it', async () => {
      for (const [path, prefix] of lists()) {
        const foreign = prefix === 'app' ? 'ep' : 'app';
        for (const iterator of [
          '',
          '-',
          '--',
          `${prefix}_`,
          `${prefix}_x`,
          `-${prefix}_x`,
          `${prefix}_${'z'.repeat(27)}`,
          `${prefix}_${'0'.repeat(28)}`,
          newId(foreign, Date.now()),
          `${newId(prefix, Date.now())}\0`,
          ` ${newId(prefix, Date.now())}`,
          'a'.repeat(5000),
        ]) {
          const answer = await call('GET', `${path}?iterator=${encodeURIComponent(iterator)}`);
          expectProblems(answer, 'query.iterator');
        }
      }
    });

    it('may name what does not exist, and what belongs to somebody else shows nothing of theirs', async () => {
      for (const [path, prefix] of lists()) {
        expect((await call('GET', `${path}?iterator=${newId(prefix, Date.now())}`)).status).toBe(200);
      }
      const answer = await call('GET', `/app?order=descending&iterator=-${others.app}`);
      expect(JSON.stringify(answer.body)).not.toContain(others.app);
    });
  });

  describe('a query field', () => {
    it.each([
      ['limit=x', 400],
      ['limit=1.5', 400],
      ['limit=-1', 400],
      ['limit=', 400],
      ['limit=1&limit=2', 400],
      ['limit[]=1', 400],
      ['limit=99999999999', 400],
      ['limit=251', 422],
      ['with_content=yes', 400],
      ['with_content=TRUE', 400],
      ['before=yesterday', 400],
      ['before=2026-01-31', 400],
      ['before=2026-01-31T12:00:00', 400],
      ['after=2026-13-01T00:00:00Z', 400],
      ['event_types=', 422],
      ['event_types=a%00', 422],
      ['event_types=a,,b', 422],
      ['channel=a%2Fb', 422],
      ['tag=%ED%A0%80', 422],
    ])('of a list of messages: %s is %i', async (query, status) => {
      const answer = await call('GET', `/app/${own.app}/msg?${query}`);

      if (status === 400) {
        expectError(answer, 400, 'generic_error');
      } else {
        expectProblems(answer, `query.${query.split('=')[0]}`);
      }
    });

    it.each(['limit=0', 'limit=250', '__proto__=1', 'constructor=1&__proto__[limit]=x', '=&&=', 'unknown=%FF', '%'])(
      'of a list of messages: %s is fine',
      async (query) => {
        expect((await call('GET', `/app/${own.app}/msg?${query}`)).status).toBe(200);
      },
    );

    it.each(['status=4', 'status=x', 'status=0&status=1', 'status_code_class=201', 'with_msg=1'])(
      'of a list of attempts: %s is 400',
      async (query) => {
        expectError(
          await call('GET', `/app/${own.app}/attempt/endpoint/${own.endpoint}?${query}`),
          400,
          'generic_error',
        );
      },
    );

    it('order is ascending or descending, once', async () => {
      expectError(await call('GET', '/app?order=upwards'), 400, 'generic_error');
      expectError(await call('GET', '/app?order=ascending&order=ascending'), 400, 'generic_error');
    });
  });

  describe('a message', () => {
    it.each<[string, unknown, string[]]>([
      ['nothing', undefined, ['body']],
      ['an empty body', '', ['body']],
      ['no JSON', '{"eventType":', ['body']],
      ['text after the JSON', '{"eventType":"a","payload":{}} x', ['body']],
      ['a list', [], ['body']],
      ['null', 'null', ['body']],
      ['an empty object', {}, ['body.eventType', 'body.payload']],
      ['a list as payload', { eventType: 'a', payload: [] }, ['body.payload']],
      ['a text as payload', { eventType: 'a', payload: '{}' }, ['body.payload']],
      ['null as payload', { eventType: 'a', payload: null }, ['body.payload']],
      ['a number as event type', { eventType: 5, payload: {} }, ['body.eventType']],
      ['an event type with a space', { eventType: 'a b', payload: {} }, ['body.eventType']],
      ['an event type with a NUL', { eventType: 'a\0', payload: {} }, ['body.eventType']],
      ['an event type of 257 characters', { eventType: 'a'.repeat(257), payload: {} }, ['body.eventType']],
      ['an eventId like an id', { eventType: 'a', eventId: 'msg_x', payload: {} }, ['body.eventId']],
      ['no channel at all', { eventType: 'a', channels: [], payload: {} }, ['body.channels']],
      ['six channels', { eventType: 'a', channels: [...'abcdef'], payload: {} }, ['body.channels']],
      ['a number as channel', { eventType: 'a', channels: [1], payload: {} }, ['body.channels']],
      ['a text as tags', { eventType: 'a', tags: 'a', payload: {} }, ['body.tags']],
      [
        '91 days of retention',
        { eventType: 'a', payloadRetentionPeriod: 91, payload: {} },
        ['body.payloadRetentionPeriod'],
      ],
      [
        'half a day of retention',
        { eventType: 'a', payloadRetentionPeriod: 0.5, payload: {} },
        ['body.payloadRetentionPeriod'],
      ],
      [
        'a deliverAt without offset',
        { eventType: 'a', deliverAt: '2026-01-01T00:00:00', payload: {} },
        ['body.deliverAt'],
      ],
      [
        'a deliverAt in the year 9999',
        { eventType: 'a', deliverAt: '9999-01-01T00:00:00Z', payload: {} },
        ['body.deliverAt'],
      ],
      ['both names of the payload', { eventType: 'a', payload: {}, data: {} }, ['body.payload']],
      ['a field twice', '{"eventType":"a","eventType":"b","payload":{}}', ['body.eventType']],
      ['the payload twice, once escaped', '{"eventType":"a","payload":{},"p\\u0061yload":{}}', ['body.payload']],
      [
        'a lone surrogate to be sent as it is',
        '{"eventType":"a","payload":{},"transformationsParams":{"rawPayload":"\\ud800"}}',
        ['body.transformationsParams.rawPayload'],
      ],
      ['fields in __proto__ only', '{"__proto__":{"eventType":"a","payload":{}}}', ['body.eventType', 'body.payload']],
    ])('of %s is 422', async (_, body, places) => {
      expectProblems(await call('POST', `/app/${own.app}/msg`, body), ...places);
    });

    it.each<[string, string]>([
      ['a NUL, escaped', '{"a":"\\u0000"}'],
      ['a lone surrogate, escaped', '{"a":"\\ud800"}'],
      ['keys of Object.prototype', '{"__proto__":{"a":1},"constructor":1,"toString":null}'],
      ['one key twice', '{"a":1,"a":2}'],
      ['numbers that JavaScript cannot hold', '{"a":1e400,"b":12345678901234567890,"c":1.0}'],
      ['nesting 5000 deep', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`],
    ])('takes a payload with %s and answers it as it came', async (_, payload) => {
      const answer = await callApi(
        server.url,
        server.token(),
        'POST',
        `/app/${own.app}/msg`,
        `{"eventType":"a","payload":${payload}}`,
      );

      expect(answer.status).toBe(202);
      expect(answer.text).toContain(`"payload":${payload}`);
      const read = await call('GET', `/app/${own.app}/msg/${String(answer.body['id'])}`);
      expect(read.text).toContain(`"payload":${payload}`);
    });

    it('to an application that does not exist is 404, whatever the path says', async () => {
      for (const app of ['none', 'app_x', '%00', '%ED%A0%80', '%FF', 'a'.repeat(300), '..%2f..', others.app]) {
        expectError(await call('POST', `/app/${app}/msg`, { eventType: 'a', payload: {} }), 404, 'not_found');
      }
    });

    it('must have an idempotency key of at most 512 characters', async () => {
      const send = (key: string): Promise<ApiAnswer> =>
        callApi(
          server.url,
          server.token(),
          'POST',
          `/app/${own.app}/msg`,
          { eventType: 'a', payload: {} },
          { 'idempotency-key': key },
        );

      expect((await send('k'.repeat(512))).status).toBe(202);
      expectError(await send('k'.repeat(513)), 400, 'generic_error');
    });
  });

  describe('other bodies', () => {
    it.each<[string, string, string, string[]]>([
      ['/app', 'a field twice', '{"name":"a","name":"b"}', ['body.name']],
      ['/app', 'an unknown field twice', '{"name":"a","x":1,"x":2}', ['body.x']],
      ['/app', 'a lone surrogate in the name', '{"name":"\\ud800"}', ['body.name']],
      ['/app', 'a lone surrogate in a key of metadata', '{"name":"a","metadata":{"\\udc00":"a"}}', ['body.metadata']],
      [
        '/app',
        'many problems at once',
        '{"name":1,"uid":2,"throttleRate":"3"}',
        ['body.name', 'body.uid', 'body.throttleRate'],
      ],
      ['/event-type', 'a name with a NUL', '{"name":"a\\u0000","description":"a"}', ['body.name']],
      ['/event-type', 'a list as schemas', '{"name":"a","description":"a","schemas":[]}', ['body.schemas']],
    ])('POST %s with %s is 422', async (path, _, body, places) => {
      expectProblems(await call('POST', path, body), ...places);
    });

    it.each<[string, Record<string, unknown>, string]>([
      ['no URL', {}, 'body.url'],
      ['a list as URL', { url: [URL] }, 'body.url'],
      ['a NUL in the URL', { url: `${URL}\0` }, 'body.url'],
      ['another scheme', { url: 'ftp://127.0.0.1/' }, 'body.url'],
      ['a private address', { url: 'http://169.254.169.254/latest' }, 'body.url'],
      ['both names of the event types', { url: URL, eventTypes: ['a'], filterTypes: ['a'] }, 'body.eventTypes'],
      ['a line end in a header', { url: URL, headers: { 'x-a': 'a\r\nb: c' } }, 'body.headers'],
      ['a header that is ours', { url: URL, headers: { 'svix-id': 'a' } }, 'body.headers'],
      ['a secret that is too short', { url: URL, secret: 'whsec_AAAA' }, 'body.secret'],
      ['a number as disabled', { url: URL, disabled: 1 }, 'body.disabled'],
    ])('an endpoint with %s is 422', async (_, body, place) => {
      expectProblems(await call('POST', `/app/${own.app}/endpoint`, body), place);
    });

    it('keep keys of Object.prototype as any other key', async () => {
      const names = '{"__proto__":"1","constructor":"2","toString":"3"}';
      const app = await call('POST', '/app', `{"name":"a","metadata":${names}}`);
      const path = `/app/${own.app}/endpoint/${own.endpoint}/headers`;

      expect(app.text).toContain('"__proto__":"1"');
      expect((await call('GET', `/app/${String(app.body['id'])}`)).text).toContain('"__proto__":"1"');
      expect((await call('PUT', path, `{"headers":${names}}`)).status).toBe(204);
      expect((await call('GET', path)).text).toContain('"__proto__":"1"');
      expect((await call('PATCH', path, '{"headers":{"__proto__":null,"x-a":"b"}}')).status).toBe(204);
      const headers = (await call('GET', path)).body['headers'] as Record<string, string>;
      expect(Object.keys(headers).sort()).toEqual(['constructor', 'toString', 'x-a']);
    });
  });

  describe('what belongs to another organization', () => {
    it('does not exist, on any path and in any part of it', async () => {
      const mixed = [
        `/app/${others.app}`,
        `/app/${others.app}/msg/${others.message}`,
        `/app/${own.app}/msg/${others.message}`,
        `/app/${own.app}/endpoint/${others.endpoint}`,
        `/app/${own.app}/endpoint/${others.endpoint}/secret`,
        `/app/${own.app}/endpoint/${others.endpoint}/headers`,
        `/app/${own.app}/endpoint/${others.endpoint}/msg`,
        `/app/${own.app}/attempt/endpoint/${others.endpoint}`,
        `/app/${own.app}/attempt/msg/${others.message}`,
        `/app/${own.app}/msg/${others.message}/endpoint`,
        `/app/${own.app}/attempt/msg/${own.message}?endpoint_id=${others.endpoint}`,
      ];
      for (const path of mixed) {
        expectError(await call('GET', path), 404, 'not_found');
      }
      for (const path of [
        `/app/${own.app}/msg/${own.message}/endpoint/${others.endpoint}/resend`,
        `/app/${own.app}/msg/${others.message}/endpoint/${own.endpoint}/resend`,
      ]) {
        expectError(await call('POST', path), 404, 'not_found');
      }
    });

    it('is out of reach of an application token in its own organization too', async () => {
      const second = await makeThings();
      const token = server.token({ appId: own.app });

      for (const path of [
        `/app/${second.app}`,
        `/app/${second.app}/endpoint/${second.endpoint}/secret`,
        `/app/${own.app}/endpoint/${second.endpoint}`,
        `/app/${own.app}/msg/${second.message}`,
      ]) {
        expectError(await call('GET', path, undefined, token), 404, 'not_found');
      }
      expectError(
        await call('POST', `/app/${own.app}/msg`, { eventType: 'a', payload: {} }, token),
        403,
        'insufficient_access',
      );
    });
  });
});
