import { setTimeout as sleep } from 'node:timers/promises';
import { startTestApp, type TestApp } from '../support/test-app';
import { type RawAnswer, RawConnection, sendRaw } from './wrong-input-raw';

const MAX_BODY_BYTES = 2_097_152;

/** What reaches the server as bytes rather than as a request of a well-behaved client. */
describe('HTTP', () => {
  let server: TestApp;
  let auth: string;

  beforeAll(async () => {
    server = await startTestApp({ RATE_LIMIT_PER_TOKEN: '100000', RATE_LIMIT_PER_ADDRESS: '100000' });
    auth = `Authorization: Bearer ${server.token()}\r\n`;
  }, 60_000);

  afterAll(() => server.stop(), 20_000);

  function head(method: string, path: string, headers = ''): string {
    return `${method} ${path} HTTP/1.1\r\nHost: a\r\n${auth}${headers}\r\n`;
  }

  function withBody(body: string, headers = '', path = '/api/v1/app'): string {
    return head('POST', path, `Content-Length: ${Buffer.byteLength(body)}\r\n${headers}`) + body;
  }

  function chunked(body: Buffer): Buffer {
    const chunks: Buffer[] = [];
    for (let start = 0; start < body.length; start += 65_536) {
      const chunk = body.subarray(start, start + 65_536);
      chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
    }
    return Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]);
  }

  /** The body of an application of exactly that many bytes. */
  function bodyOf(bytes: number): Buffer {
    const [start, end] = ['{"name":"a","unknown":"', '"}'];
    return Buffer.from(start + 'x'.repeat(bytes - start.length - end.length) + end);
  }

  function expectError(answer: RawAnswer, status: number, code: string): void {
    expect({ status: answer.status, text: answer.text }).toEqual({ status, text: expect.stringMatching(/^\{/) });
    expect(JSON.parse(answer.text)).toEqual({
      code,
      detail: expect.any(String),
      requestId: expect.stringMatching(/^req_/),
    });
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  }

  describe('a body', () => {
    it('passes with 2,097,152 bytes, in one piece and in chunks', async () => {
      const body = bodyOf(MAX_BODY_BYTES);

      const whole = await sendRaw(
        server.url,
        head('POST', '/api/v1/app', `Content-Length: ${MAX_BODY_BYTES}\r\n`),
        body,
      );
      const pieces = await sendRaw(
        server.url,
        head('POST', '/api/v1/app', 'Transfer-Encoding: chunked\r\n'),
        chunked(body),
      );

      expect([whole.status, pieces.status]).toEqual([201, 201]);
    });

    it.each([
      ['of one byte more', MAX_BODY_BYTES + 1, ''],
      ['of 20 MB', 20_000_000, ''],
      ['announced by Expect: 100-continue', MAX_BODY_BYTES + 1, 'Expect: 100-continue\r\n'],
    ])(
      'is refused with 413 when it is %s, and the client that sends all of it can go on',
      async (_, bytes, expectation) => {
        const connection = await RawConnection.open(server.url);
        await connection.write(head('POST', '/api/v1/app', `Content-Length: ${bytes}\r\n${expectation}`));
        await connection.write(bodyOf(bytes));
        let answer = await connection.next();
        if (answer.status === 100) {
          answer = await connection.next();
        }
        await connection.write(head('GET', '/api/v1/app?limit=0'));

        expectError(answer, 413, 'payload_too_large');
        expect((await connection.next()).status).toBe(200);
        connection.close();
      },
    );

    it('is refused with 413 when it is too large in chunks, and the client that sends all of it can go on', async () => {
      const connection = await RawConnection.open(server.url);
      await connection.write(head('POST', '/api/v1/app', 'Transfer-Encoding: chunked\r\n'));
      await connection.write(chunked(bodyOf(20_000_000)));
      await connection.write(head('GET', '/api/v1/app?limit=0'));

      expectError(await connection.next(), 413, 'payload_too_large');
      expect((await connection.next()).status).toBe(200);
      connection.close();
    });

    it.each([
      ['an unknown path', '/api/v1/nothing', 404],
      ['a path that cannot be decoded', '/api/v1/app/%ff', 404],
      ['a wrong method', '/api/v1/app/x', 405],
    ])('of 20 MB to %s does not cost the client its answer', async (_, path, status) => {
      const connection = await RawConnection.open(server.url);
      await connection.write(head('POST', path, 'Content-Length: 20000000\r\n'));
      await connection.write(bodyOf(20_000_000));
      await connection.write(head('GET', '/api/v1/app?limit=0'));

      expect((await connection.next()).status).toBe(status);
      expect((await connection.next()).status).toBe(200);
      connection.close();
    });

    it('that is not JSON does not end the connection', async () => {
      const connection = await RawConnection.open(server.url);
      await connection.write(withBody('{"name"') + withBody('{"name":"a"}'));

      expect((await connection.next()).status).toBe(422);
      expect((await connection.next()).status).toBe(201);
      connection.close();
    });

    it.each([
      ['text/plain', 'text/plain'],
      ['nothing that is a content type', ';;;=,'],
      ['a form', 'application/x-www-form-urlencoded'],
      ['a list of two', 'application/json, text/plain'],
    ])('is taken as JSON when its content type is %s', async (_, contentType) => {
      const answer = await sendRaw(server.url, withBody('{"name":"a"}', `Content-Type: ${contentType}\r\n`));

      expect(answer.status).toBe(201);
    });

    it.each([
      ['with a length of 0', 'Content-Length: 0\r\n', ''],
      ['of no chunk', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n'],
      ['that is not there', '', ''],
    ])('%s is 422 where one is needed', async (_, headers, body) => {
      const answer = await sendRaw(server.url, head('POST', '/api/v1/app', headers) + body);

      expect(answer.status).toBe(422);
      expect(JSON.parse(answer.text)).toEqual({
        detail: [{ loc: ['body'], msg: 'A body is required.', type: 'value_error' }],
      });
    });

    it('of a GET is ignored', async () => {
      expect((await sendRaw(server.url, head('GET', '/api/v1/app', 'Content-Length: 5\r\n') + '{"nam')).status).toBe(
        200,
      );
    });

    it('with invalid UTF-8 is 422', async () => {
      const answer = await sendRaw(
        server.url,
        head('POST', '/api/v1/app', 'Content-Length: 12\r\n') + '{"name":"\xff"}',
      );

      expect(answer.status).toBe(422);
      expect(answer.text).toContain('UTF-8');
    });
  });

  describe('a connection', () => {
    it('answers pipelined requests in their order', async () => {
      const connection = await RawConnection.open(server.url);
      await connection.write(
        head('GET', '/api/v1/app?limit=0') +
          withBody('{"name":"pipelined"}') +
          head('GET', '/api/v1/nothing') +
          withBody('{}') +
          head('GET', '/api/v1/health/ping'),
      );

      const statuses = [];
      for (let index = 0; index < 5; index++) {
        statuses.push((await connection.next()).status);
      }
      expect(statuses).toEqual([200, 201, 404, 422, 204]);
      connection.close();
    });

    it.each([
      ['no HTTP', 'GARBAGE\r\n\r\n', 400, 'malformed_request'],
      ['an unknown method', 'NONSENSE / HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'malformed_request'],
      [
        'a raw byte above 127 in the path',
        'GET /api/v1/app/\xff HTTP/1.1\r\nHost: a\r\n\r\n',
        400,
        'malformed_request',
      ],
      ['a raw NUL in the path', 'GET /api/v1/app/a\0 HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'malformed_request'],
      ['a NUL in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0\r\n\r\n', 400, 'malformed_request'],
      [
        'a length and chunks at once',
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
        400,
        'malformed_request',
      ],
      [
        'a length that is no number',
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
        400,
        'malformed_request',
      ],
      [
        'a header of 20 kB',
        `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
        431,
        'headers_too_large',
      ],
      ['3000 headers', `GET / HTTP/1.1\r\nHost: a\r\n${'X-Bomb: boom\r\n'.repeat(3000)}\r\n`, 431, 'headers_too_large'],
      ['a path of 20 kB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431, 'headers_too_large'],
      ['an unknown expectation', 'POST / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n', 417, 'expectation_failed'],
    ])('answers %s in JSON and closes', async (_, bytes, status, code) => {
      const connection = await RawConnection.open(server.url);
      await connection.write(bytes);

      expectError(await connection.next(), status, code);
      await connection.closed();
    });

    it('answers a request without Host with 400', async () => {
      expectError(await sendRaw(server.url, 'GET /api/v1/app HTTP/1.1\r\n\r\n'), 400, 'generic_error');
    });

    it('serves HTTP/1.0 without Host', async () => {
      expect((await sendRaw(server.url, `GET /api/v1/app HTTP/1.0\r\n${auth}\r\n`)).status).toBe(200);
    });

    it('does not hold up a stop, even when its request is answered after the stop began', async () => {
      const other = await startTestApp();
      const connection = await RawConnection.open(other.url);
      await connection.write('POST /api/v1/app HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{');
      await sleep(50); // the request has to be under way when the stop begins

      const startedAt = Date.now();
      const stopped = other.stop();
      await connection.write('}');

      expect((await connection.next()).status).toBe(401);
      await stopped;
      expect(Date.now() - startedAt).toBeLessThan(5_000);
      connection.close();
    }, 60_000);
  });

  describe('a path', () => {
    it.each([
      ['broken UTF-8', '/api/v1/app/%ff'],
      ['an overlong encoding', '/api/v1/app/%c0%80'],
      ['a lone surrogate', '/api/v1/app/%ed%a0%80'],
      ['an invalid escape', '/api/v1/app/%zz'],
      ['half an escape', '/api/v1/app/%'],
      ['a NUL', '/api/v1/app/%00'],
      ['an id of 1025 characters', `/api/v1/app/${'a'.repeat(1025)}`],
      ['an id of 10,000 characters', `/api/v1/app/${'a'.repeat(10_000)}/endpoint`],
      ['a slash within the id', '/api/v1/app/a%2fb'],
      ['dots', '/api/v1/app/..'],
      ['two slashes', '/api/v1//app'],
      ['upper case', '/API/V1/APP'],
      ['nothing known', '/api/v2/app'],
    ])('with %s is 404', async (_, path) => {
      const answer = await sendRaw(server.url, head('GET', path));

      expectError(answer, 404, 'not_found');
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': '*',
        'x-content-type-options': 'nosniff',
        'x-request-id': expect.stringMatching(/^req_/),
      });
    });

    it.each([
      ['DELETE', '/api/v1/app', 'GET, HEAD, POST'],
      ['POST', '/api/v1/app/x', 'DELETE, GET, HEAD, PATCH, PUT'],
      ['PUT', '/api/v1/app/x/msg/', 'GET, HEAD, POST'],
      ['TRACE', '/api/v1/app', 'GET, HEAD, POST'],
      ['PROPFIND', '/api/v1/app', 'GET, HEAD, POST'],
      ['QUERY', '/api/v1/app', 'GET, HEAD, POST'],
      ['POST', '/health/live', 'GET, HEAD'],
      ['DELETE', '/metrics', 'GET, HEAD'],
    ])('answers 405 to %s %s, with Allow', async (method, path, allow) => {
      const answer = await sendRaw(server.url, head(method, path));

      expectError(answer, 405, 'method_not_allowed');
      expect(answer.headers['allow']).toBe(allow);
    });

    it('answers HEAD as GET, without the body', async () => {
      const found = await sendRaw(server.url, head('HEAD', '/api/v1/app?limit=0'));
      const missing = await sendRaw(server.url, head('HEAD', '/api/v1/app/none'));

      expect(found.status).toBe(200);
      expect(Number(found.headers['content-length'])).toBeGreaterThan(0);
      expect(missing.status).toBe(404);
    });

    it.each(['/api/v1/app/', '/api/v1/app/?limit=1', '/api/v1/event-type/', '/health/live/'])(
      'takes a trailing slash: %s',
      async (path) => {
        expect((await sendRaw(server.url, head('GET', path))).status).toBe(200);
      },
    );
  });

  describe('a page of another origin', () => {
    const ORIGIN = 'Origin: https://portal.example\r\n';

    it('may send every method with a token and an idempotency key', async () => {
      const wanted = 'authorization, content-type, idempotency-key';
      const answer = await sendRaw(
        server.url,
        `OPTIONS /api/v1/app HTTP/1.1\r\nHost: a\r\n${ORIGIN}Access-Control-Request-Method: POST\r\n` +
          `Access-Control-Request-Headers: ${wanted}\r\n\r\n`,
      );

      expect(answer.status).toBe(204);
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': '*',
        'access-control-allow-headers': wanted,
        'access-control-max-age': '600',
      });
    });

    it('may read answers and errors, and when to try again', async () => {
      for (const path of ['/api/v1/app', '/api/v1/app/none', '/api/v1/nothing', '/api/v1/app/%ff']) {
        const { headers } = await sendRaw(server.url, head('GET', path, ORIGIN));
        expect(headers).toMatchObject({
          'access-control-allow-origin': '*',
          'access-control-expose-headers': 'retry-after, x-request-id',
        });
      }
    });

    it('gets 204 for OPTIONS that is no preflight', async () => {
      expect((await sendRaw(server.url, head('OPTIONS', '/api/v1/app'))).status).toBe(204);
    });
  });
});
