import { once } from 'node:events';
import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { GuardedHttpClient, type GuardedHttpClientOptions, type PostOutcome, type PostRequest } from './guarded-fetch';
import { type RawHandler, RawServer } from './raw-server.fixture';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

const cleanups: (() => Promise<void>)[] = [];

async function serve(handler: RawHandler): Promise<RawServer> {
  const server = await new RawServer(handler).start();
  cleanups.push(() => server.stop());
  return server;
}

function clientOf(options: Partial<GuardedHttpClientOptions> = {}): GuardedHttpClient {
  const client = new GuardedHttpClient({ allowSubnets: ['127.0.0.0/8'], maxResponseBytes: 1_000, ...options });
  cleanups.push(() => client.destroy());
  return client;
}

function requestTo(url: string, more: Partial<PostRequest> = {}): PostRequest {
  return {
    url,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"a":1}'),
    timeoutMs: 2_000,
    ...more,
  };
}

async function eventually(check: () => void): Promise<void> {
  const giveUpAt = performance.now() + 2_000;
  for (;;) {
    try {
      check();
      return;
    } catch (error) {
      if (performance.now() > giveUpAt) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
});

describe('the request', () => {
  it('goes out as HTTP/1.1 with the headers in order and the exact body', async () => {
    const server = await serve((socket) => socket.end(OK));
    await clientOf().post(requestTo(`${server.url}?x=%20`, { headers: { 'X-First': '1', second: '2' } }));
    expect(server.requests).toEqual([
      `POST /hook?x=%20 HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nconnection: keep-alive\r\n` +
        'X-First: 1\r\nsecond: 2\r\naccept: */*\r\ncontent-length: 7\r\n\r\n{"a":1}',
    ]);
  });

  it('lets the headers of the caller win', async () => {
    const server = await serve((socket) => socket.end(OK));
    const url = server.url.replace('127.0.0.1', 'me:secret@127.0.0.1');
    await clientOf().post(
      requestTo(url, { headers: ['ACCEPT', 'text/x', 'Authorization', 'Bearer t', 'Host', 'other.test'] }),
    );
    expect(server.requests[0]).toMatch(
      /^POST \/hook HTTP\/1.1\r\nhost: other.test\r\nconnection: keep-alive\r\nACCEPT: text\/x\r\nAuthorization: Bearer t\r\ncontent-length/,
    );
  });

  it('turns the userinfo of the URL into Basic credentials', async () => {
    const server = await serve((socket) => socket.end(OK));
    await clientOf().post(requestTo(server.url.replace('127.0.0.1', 'me:s%40x@127.0.0.1')));
    expect(server.requests[0]).toContain(`authorization: Basic ${Buffer.from('me:s@x').toString('base64')}\r\n`);
  });

  it('sends an empty body with its length', async () => {
    const server = await serve((socket) => socket.end(OK));
    expect(await clientOf().post(requestTo(server.url, { body: Buffer.alloc(0) }))).toMatchObject({ kind: 'response' });
    expect(server.requests[0]).toContain('content-length: 0\r\n');
  });

  it.each<Record<string, string>>([
    { 'x-a': 'b\r\nc: d' },
    { 'x-a': 'nul\0' },
    { 'x-a': '\u20ac' },
    { 'bad name': 'x' },
    { '': 'x' },
    { 'transfer-encoding': 'chunked' },
    { expect: '100-continue' },
    { 'content-length': '3' },
    { host: 'a', Host: 'b' },
  ])('ends as a protocol failure for the headers %j, on a fresh and on a kept connection', async (headers) => {
    const server = await serve((socket) => socket.write(OK));
    const client = clientOf();
    expect(await client.post(requestTo(server.url, { headers }))).toMatchObject({
      kind: 'failure',
      reason: 'protocol',
    });
    expect(await client.post(requestTo(server.url))).toMatchObject({ kind: 'response' });
    expect(await client.post(requestTo(server.url, { headers }))).toMatchObject({
      kind: 'failure',
      reason: 'protocol',
    });
    expect(server.requests).toHaveLength(1);
  });

  it.each(['', 'nonsense', 'ftp://127.0.0.1/', 'file:///etc/passwd', 'http://[::1%25lo]/'])(
    'refuses the URL %j',
    async (url) => {
      expect(await clientOf().post(requestTo(url))).toMatchObject({ kind: 'failure', reason: 'protocol' });
    },
  );
});

describe('the response', () => {
  it.each([200, 201, 204, 301, 302, 308, 400, 410, 429, 500, 599, 999])(
    'with status %i is returned as it is',
    async (statusCode) => {
      const server = await serve((socket) =>
        socket.end(`HTTP/1.1 ${statusCode} X\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n`),
      );
      expect(await clientOf().post(requestTo(server.url))).toMatchObject({
        kind: 'response',
        statusCode,
        isTruncated: false,
      });
      expect(server.requests).toHaveLength(1);
    },
  );

  it.each(['120', 'inf', '-1', '1e20', 'Fri, 31 Dec 9999 23:59:59 GMT', '', 'caf\u00e9'])(
    'passes on Retry-After %j unparsed',
    async (value) => {
      const server = await serve((socket) =>
        socket.end(Buffer.from(`HTTP/1.1 503 X\r\nReTry-After: ${value}\r\ncontent-length: 0\r\n\r\n`, 'latin1')),
      );
      expect(await clientOf().post(requestTo(server.url))).toMatchObject({ statusCode: 503, retryAfter: value });
    },
  );

  it('bounds Retry-After and takes the first of several', async () => {
    const server = await serve((socket) =>
      socket.end(`HTTP/1.1 503 X\r\nretry-after: ${'9'.repeat(5_000)}\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n`),
    );
    expect(await clientOf().post(requestTo(server.url))).toMatchObject({ retryAfter: '9'.repeat(200) });
  });

  it('is not decompressed, and may hold any bytes', async () => {
    const body = Buffer.concat([gzipSync('hello'), Buffer.from([0, 0xff, 0xfe])]);
    const server = await serve((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${body.length}\r\n\r\n`);
      socket.end(body);
    });
    expect(await clientOf().post(requestTo(server.url))).toMatchObject({ kind: 'response', body });
  });

  it('keeps a body of exactly the limit whole and cuts a longer one', async () => {
    const sizes = [1_000, 1_001];
    const server = await serve((socket) => {
      const size = sizes.shift() ?? 0;
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n${'x'.repeat(size)}`);
    });
    const client = clientOf();
    const body = Buffer.alloc(1_000, 'x');
    expect(await client.post(requestTo(server.url))).toMatchObject({ isTruncated: false, body });
    expect(await client.post(requestTo(server.url))).toMatchObject({ isTruncated: true, body });
    await eventually(() => expect(server.openConnectionCount).toBe(0));
  });

  it('with an endless body is cut, and keeps its status', async () => {
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 500 X\r\ntransfer-encoding: chunked\r\n\r\n');
      const pump = (): void => {
        while (!socket.destroyed && socket.write(`1000\r\n${'y'.repeat(4_096)}\r\n`)) {
          // Until the client stops reading.
        }
      };
      socket.on('drain', pump);
      pump();
    });
    expect(await clientOf().post(requestTo(server.url))).toMatchObject({
      kind: 'response',
      statusCode: 500,
      isTruncated: true,
    });
    await eventually(() => expect(server.openConnectionCount).toBe(0));
  });

  it('without a length ends with the connection', async () => {
    const server = await serve((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nold school'));
    expect(await clientOf().post(requestTo(server.url))).toMatchObject({
      body: Buffer.from('old school'),
      isTruncated: false,
    });
  });

  it('may come before the request was read', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(async () => void server.close());
    const { port } = server.address() as { port: number };
    const outcome = await clientOf().post(requestTo(`http://127.0.0.1:${port}/`, { body: Buffer.alloc(5_000_000) }));
    expect([413, 'connection']).toContain(outcome.kind === 'response' ? outcome.statusCode : outcome.reason);
  });
});

describe('the deadline', () => {
  const expectTimeout = async (server: RawServer, message: RegExp, more: Partial<PostRequest> = {}): Promise<void> => {
    const startedAt = performance.now();
    const outcome = await clientOf().post(requestTo(server.url, { timeoutMs: 80, ...more }));
    expect(outcome).toMatchObject({ kind: 'failure', reason: 'timeout', message: expect.stringMatching(message) });
    expect(performance.now() - startedAt).toBeLessThan(400);
    await eventually(() => expect(server.openConnectionCount).toBe(0));
  };

  const drip = (socket: Parameters<RawHandler>[0], text: string): void => {
    const timer = setInterval(() => socket.write(text), 10);
    socket.on('close', () => clearInterval(timer));
  };

  it('ends silence', async () => {
    await expectTimeout(await serve(() => undefined), /^timed out after 80 ms while waiting for the response$/);
  });

  it('ends a drip-fed head', async () => {
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      drip(socket, 'x: y\r\n');
    });
    await expectTimeout(server, /receiving the response head/);
  });

  it('ends a drip-fed body and says how far it came', async () => {
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nabc');
      drip(socket, '');
    });
    await expectTimeout(server, /reading the body \(status 200, 3 bytes so far\)/);
  });

  it('ends a receiver that never reads the request', async () => {
    const sockets: { destroy(): void }[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined).pause();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    });
    const { port } = server.address() as { port: number };
    const outcome = await clientOf().post(
      requestTo(`http://127.0.0.1:${port}/`, { body: Buffer.alloc(20_000_000), timeoutMs: 100 }),
    );
    expect(outcome).toMatchObject({ kind: 'failure', reason: 'timeout' });
  });

  it('covers name resolution', async () => {
    const client = clientOf({ lookup: () => new Promise(() => undefined) });
    const outcome = await client.post(requestTo('http://slow.test/', { timeoutMs: 50 }));
    expect(outcome).toMatchObject({ reason: 'timeout', message: expect.stringContaining('resolving the host name') });
  });

  it('takes absurd time limits without harm', async () => {
    const server = await serve((socket) => socket.write(OK));
    expect(await clientOf().post(requestTo(server.url, { timeoutMs: 1e12 }))).toMatchObject({ kind: 'response' });
    const silent = await serve(() => undefined);
    expect(await clientOf().post(requestTo(silent.url, { timeoutMs: -5 }))).toMatchObject({ reason: 'timeout' });
  });
});

describe('the address guard', () => {
  it.each([
    'http://2130706433',
    'http://0x7f.1',
    'http://0177.1',
    'http://127.1',
    'http://[::1]',
    'http://[::ffff:7f00:1]',
    'http://localhost',
    'http://169.254.169.254',
  ])('refuses %s and connects to nothing', async (origin) => {
    const server = await serve((socket) => socket.end(OK));
    const client = clientOf({ allowSubnets: [] });
    expect(await client.post(requestTo(`${origin}:${server.port}/`))).toMatchObject({
      kind: 'failure',
      reason: 'address_refused',
    });
    expect(server.connectionCount).toBe(0);
  });

  it('names the bad subnet', () => {
    expect(() => clientOf({ allowSubnets: ['10.0.0.0/8', 'office'] })).toThrow('"office"');
  });

  it('uses only the allowed addresses of a mixed answer', async () => {
    const server = await serve((socket) => socket.end(OK));
    const client = clientOf({
      allowSubnets: ['127.0.0.1/32'],
      lookup: async () => ['127.0.0.2', '::1', '10.0.0.1', '127.0.0.1'],
    });
    expect(await client.post(requestTo(`http://mixed.test:${server.port}/`))).toMatchObject({ kind: 'response' });
  });

  it('refuses a name with refused addresses only, without telling which', async () => {
    const client = clientOf({ lookup: async () => ['10.11.12.13', '::1'] });
    const outcome = await client.post(requestTo('http://inside.test/'));
    expect(outcome).toMatchObject({ reason: 'address_refused', message: expect.not.stringContaining('10.11.12.13') });
  });

  it('resolves once for each connection and connects to what it checked', async () => {
    const server = await serve((socket) => socket.end(OK));
    const answers = ['127.0.0.1', '10.0.0.1'];
    let calls = 0;
    const client = clientOf({ lookup: async () => [answers[calls++] ?? ''] });
    const url = `http://rebinding.test:${server.port}/`;
    expect(await client.post(requestTo(url))).toMatchObject({ kind: 'response' });
    expect(calls).toBe(1);
    await eventually(() => expect(client.idleConnectionCount).toBe(0));
    expect(await client.post(requestTo(url))).toMatchObject({ reason: 'address_refused' });
  });

  it('goes on to the next address when one refuses the connection', async () => {
    const server = await serve((socket) => socket.end(OK));
    const client = clientOf({ lookup: async () => ['127.0.0.77', '127.0.0.78', '127.0.0.1'] });
    expect(await client.post(requestTo(`http://many.test:${server.port}/`))).toMatchObject({ kind: 'response' });
  });

  it('tries a handful of addresses at most', async () => {
    const server = await serve((socket) => socket.end(OK));
    const client = clientOf({
      lookup: async () => [...Array.from({ length: 6 }, (_, i) => `127.0.0.${i + 50}`), '127.0.0.1'],
    });
    expect(await client.post(requestTo(`http://many.test:${server.port}/`))).toMatchObject({ reason: 'connection' });
  });

  it('reports names that do not resolve', async () => {
    const failing = clientOf({ lookup: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })) });
    expect(await failing.post(requestTo('http://no.test/'))).toMatchObject({
      reason: 'dns',
      message: 'could not resolve no.test (ENOTFOUND)',
    });
    const empty = clientOf({ lookup: async () => [] });
    expect(await empty.post(requestTo('http://no.test/'))).toMatchObject({ reason: 'dns' });
  });

  it('reports a refused connection', async () => {
    const server = await serve(() => undefined);
    const { url } = server;
    await server.stop();
    expect(await clientOf().post(requestTo(url))).toMatchObject({
      reason: 'connection',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('checkUrl', () => {
  const client = (): GuardedHttpClient =>
    clientOf({
      allowSubnets: ['10.9.0.0/16'],
      lookup: (name) => {
        const table: Record<string, string[]> = {
          'public.test': ['8.8.8.8'],
          'mixed.test': ['10.0.0.1', '8.8.8.8'],
          'private.test': ['10.0.0.1', '::1'],
          'opened.test': ['10.9.0.1'],
        };
        const found = table[name];
        return found === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(found);
      },
    });

  it.each([
    'https://public.test/',
    'http://mixed.test',
    'http://opened.test',
    'https://not-yet.test/',
    'http://8.8.8.8/',
    'http://10.9.1.1',
  ])('allows %s', async (url) => {
    expect(await client().checkUrl(url)).toEqual({ allowed: true });
  });

  it.each([
    'http://private.test',
    'http://10.0.0.1',
    'http://2130706433/',
    'http://[::1]/',
    'ftp://public.test',
    'nonsense',
    '',
  ])('refuses %j with a reason', async (url) => {
    expect(await client().checkUrl(url)).toEqual({ allowed: false, reason: expect.stringMatching(/./) });
  });
});

describe('connections', () => {
  it('are kept and used again', async () => {
    const server = await serve((socket) => socket.write(OK));
    const client = clientOf();
    for (let i = 0; i < 5; i++) {
      expect(await client.post(requestTo(server.url))).toMatchObject({ kind: 'response' });
    }
    expect(server.connectionCount).toBe(1);
  });

  it('are used again by endpoints that differ only in path, credentials and Host header', async () => {
    const server = await serve((socket) => socket.write(OK));
    const client = clientOf();
    await client.post(requestTo(`${server.url}/1`));
    await client.post(requestTo(server.url.replace('127', 'u:p@127')));
    await client.post(requestTo(server.url, { headers: { host: 'x.test' } }));
    expect(server.connectionCount).toBe(1);
  });

  it('are not kept when the server says so, or may say more', async () => {
    const server = await serve((socket) =>
      socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'),
    );
    const client = clientOf();
    await client.post(requestTo(server.url));
    await client.post(requestTo(server.url));
    expect(server.connectionCount).toBe(2);
  });

  it('close after the keep-alive time, whatever the server promises', async () => {
    const server = await serve((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\nkeep-alive: timeout=600\r\ncontent-length: 0\r\n\r\n`),
    );
    const client = clientOf({ keepAliveMs: 50 });
    await client.post(requestTo(server.url));
    expect(client.idleConnectionCount).toBe(1);
    await eventually(() => expect(server.openConnectionCount).toBe(0));
    expect(client.idleConnectionCount).toBe(0);
  });

  it('are bounded over all hosts when idle', async () => {
    const server = await serve((socket) => socket.write(OK));
    const client = clientOf({ maxIdleConnections: 3, lookup: async () => ['127.0.0.1'] });
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => client.post(requestTo(`http://host-${i}.test:${server.port}/`))),
    );
    expect(client.idleConnectionCount).toBe(3);
    await eventually(() => expect(server.openConnectionCount).toBe(3));
  });

  it('are as many as there are requests, so that hanging neighbours on one host hold up nobody', async () => {
    const server = await serve((socket, request) => {
      if (!request.startsWith('POST /hang')) {
        socket.write(OK);
      }
    });
    const client = clientOf();
    const hanging = Array.from({ length: 200 }, () => client.post(requestTo(server.url.replace('hook', 'hang'))));
    expect(await client.post(requestTo(server.url))).toMatchObject({ kind: 'response' });
    await client.destroy();
    expect(
      (await Promise.all(hanging)).every((outcome) => outcome.kind === 'failure' && outcome.reason === 'aborted'),
    ).toBe(true);
  });

  it('that the server closed while idle are not used', async () => {
    const server = await serve((socket) => socket.end(OK));
    const client = clientOf();
    for (let i = 0; i < 5; i++) {
      expect(await client.post(requestTo(server.url))).toMatchObject({ kind: 'response' });
      await eventually(() => expect(client.idleConnectionCount).toBe(0));
    }
    expect(server.requests).toHaveLength(5);
  });

  it('are kept no more for a server that closes without saying so, which would cost a duplicate each time', async () => {
    const server = await serve((socket, _request, count) => (count === 1 ? socket.write(OK) : socket.destroy()));
    const client = clientOf();
    for (let i = 0; i < 5; i++) {
      expect(await client.post(requestTo(server.url))).toMatchObject({ kind: 'response' });
    }
    expect(server.requests).toHaveLength(6);
  });

  it.each(['end', 'resetAndDestroy'] as const)(
    'that the server closes (%s) just as they are used again are replaced once',
    async (how) => {
      const server = await serve((socket, _request, count) => (count === 1 ? socket.write(OK) : socket[how]()));
      const client = clientOf();
      expect(await client.post(requestTo(server.url))).toMatchObject({ kind: 'response' });
      expect(await client.post(requestTo(server.url))).toMatchObject({ kind: 'response', statusCode: 200 });
      expect(server.connectionCount).toBe(2);
      expect(server.requests).toHaveLength(3);
    },
  );

  it.each(['end', 'resetAndDestroy'] as const)(
    'that close (%s) without an answer when fresh are a failure, tried once',
    async (how) => {
      const server = await serve((socket) => void socket[how]());
      expect(await clientOf().post(requestTo(server.url))).toMatchObject({ kind: 'failure', reason: 'connection' });
      expect(server.requests).toHaveLength(1);
    },
  );

  it('are replaced within the same deadline', async () => {
    const server = await serve((socket) => {
      if (server.requests.length === 1) {
        socket.write(OK);
      } else if (server.requests.length === 2) {
        setTimeout(() => socket.destroy(), 200);
      }
    });
    const client = clientOf();
    await client.post(requestTo(server.url));
    const startedAt = performance.now();
    expect(await client.post(requestTo(server.url, { timeoutMs: 300 }))).toMatchObject({ reason: 'timeout' });
    expect(performance.now() - startedAt).toBeLessThan(480);
    expect(server.requests).toHaveLength(3);
  });

  it('are not replaced once a part of the response has arrived', async () => {
    const server = await serve((socket, _request, count) =>
      count === 1 ? socket.write(OK) : socket.end('HTTP/1.1 20'),
    );
    const client = clientOf();
    await client.post(requestTo(server.url));
    expect(await client.post(requestTo(server.url))).toMatchObject({ kind: 'failure' });
    expect(server.requests).toHaveLength(2);
  });
});

describe('stopping', () => {
  it('ends a request by its signal, at every stage', async () => {
    const server = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc'));
    const already = await clientOf().post(requestTo(server.url, { signal: AbortSignal.abort() }));
    const whileResolving = new AbortController();
    const resolving = clientOf({ lookup: () => new Promise(() => undefined) }).post(
      requestTo('http://a.test', { signal: whileResolving.signal }),
    );
    whileResolving.abort();
    const whileReading = new AbortController();
    const reading = clientOf().post(requestTo(server.url, { signal: whileReading.signal }));
    await eventually(() => expect(server.requests).toHaveLength(1));
    whileReading.abort();
    for (const outcome of [already, await resolving, await reading]) {
      expect(outcome).toMatchObject({ kind: 'failure', reason: 'aborted' });
    }
    await eventually(() => expect(server.openConnectionCount).toBe(0));
  });

  it('leaves nothing on the signal', async () => {
    const server = await serve((socket) => socket.write(OK));
    const { signal } = new AbortController();
    const removed = jest.spyOn(signal, 'removeEventListener');
    const added = jest.spyOn(signal, 'addEventListener');
    await clientOf().post(requestTo(server.url, { signal }));
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed).toHaveBeenCalledWith('abort', added.mock.calls[0]?.[1]);
  });

  it('waits for requests under way and refuses new ones on close', async () => {
    const server = await serve((socket) => void setTimeout(() => socket.write(OK), 50));
    const client = clientOf();
    const underWay = client.post(requestTo(server.url));
    await eventually(() => expect(server.requests).toHaveLength(1));
    let isClosed = false;
    const closing = client.close().then(() => (isClosed = true));
    expect(await client.post(requestTo(server.url))).toMatchObject({
      reason: 'aborted',
      message: 'the client is closed',
    });
    expect(isClosed).toBe(false);
    expect(await underWay).toMatchObject({ kind: 'response' });
    await closing;
    await eventually(() => expect(server.openConnectionCount).toBe(0));
  });
});

describe('an outcome', () => {
  it('comes exactly once for each of many requests at a time', async () => {
    const server = await serve((socket) => socket.write(OK));
    const client = clientOf();
    const outcomes: PostOutcome[] = await Promise.all(
      Array.from({ length: 300 }, () => client.post(requestTo(server.url))),
    );
    expect(outcomes.every((outcome) => outcome.kind === 'response' && outcome.body.toString() === 'ok')).toBe(true);
    expect(server.requests).toHaveLength(300);
  });
});
