import fc from 'fast-check';
import { GuardedHttpClient, type PostOutcome } from './guarded-fetch';
import { type RawHandler, RawServer } from './raw-server.fixture';

const MAX_RESPONSE_BYTES = 500;

/** What the receiver does after it has sent its bytes. */
type Ending = 'end' | 'reset' | 'silence';

describe('hostile responses', () => {
  let server: RawServer;
  let client: GuardedHttpClient;
  let respond: RawHandler;
  const uncaught = jest.fn();

  beforeAll(async () => {
    process.on('uncaughtException', uncaught).on('unhandledRejection', uncaught);
    server = await new RawServer((...received) => respond(...received)).start();
    client = new GuardedHttpClient({
      allowSubnets: ['127.0.0.1'],
      maxResponseBytes: MAX_RESPONSE_BYTES,
      keepAliveMs: 1_000,
    });
  });

  afterAll(async () => {
    await client.destroy();
    await server.stop();
    process.off('uncaughtException', uncaught).off('unhandledRejection', uncaught);
    expect(uncaught).not.toHaveBeenCalled();
  });

  const post = (timeoutMs: number): Promise<PostOutcome> =>
    client.post({ url: server.url, headers: { a: 'b' }, body: Buffer.from('x'), timeoutMs });

  const send = (socket: Parameters<RawHandler>[0], bytes: string | Buffer, ending: Ending): void => {
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, () => {
      if (ending === 'end') {
        socket.end();
      } else if (ending === 'reset') {
        socket.resetAndDestroy();
      }
    });
  };

  it.each<[string, string, Ending, object]>([
    [
      'an upgrade nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
      'silence',
      { reason: 'protocol' },
    ],
    [
      'early hints before the response',
      'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
      'silence',
      { statusCode: 200 },
    ],
    ['endless early hints', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000), 'silence', { reason: 'protocol' }],
    [
      'a 204 with a body',
      'HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\nbody',
      'silence',
      { statusCode: 204, body: Buffer.alloc(0) },
    ],
    [
      'two responses for one request',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 500 X\r\ncontent-length: 1\r\n\r\nb',
      'silence',
      { statusCode: 200, body: Buffer.from('a') },
    ],
    [
      'conflicting lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nabcde',
      'end',
      { reason: 'protocol' },
    ],
    [
      'a length beside chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      'end',
      { reason: 'protocol' },
    ],
    ['a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nabc', 'end', { reason: 'protocol' }],
    [
      'a length beyond all numbers',
      `HTTP/1.1 200 OK\r\ncontent-length: ${'9'.repeat(40)}\r\n\r\nabc`,
      'end',
      { reason: 'protocol' },
    ],
    [
      'a chunk size that is none',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc',
      'end',
      { reason: 'protocol' },
    ],
    [
      'a body shorter than its length',
      'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc',
      'end',
      { reason: 'connection' },
    ],
    [
      'a body shorter than its length, and a last response',
      'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nabc',
      'end',
      { reason: 'connection' },
    ],
    [
      'a body reset in the middle',
      'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc',
      'reset',
      { reason: 'connection' },
    ],
    [
      'chunks broken off',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab',
      'end',
      { reason: 'connection' },
    ],
    [
      'last chunks broken off',
      'HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab',
      'end',
      { reason: 'connection' },
    ],
    ['a head broken off', 'HTTP/1.1 200 OK\r\ncontent-le', 'end', { reason: 'connection' }],
    ['a head reset', 'HTTP/1.1 200 OK\r\ncontent-le', 'reset', { reason: 'connection' }],
    ['no HTTP at all', '\0\x01\x02 garbage \xff\r\n\r\n', 'end', { reason: 'protocol' }],
    ['a greeting of another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'silence', { reason: 'protocol' }],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'end', { reason: 'protocol' }],
    ['a status that is none', 'HTTP/1.1 20x OK\r\n\r\n', 'end', { reason: 'protocol' }],
    [
      'a head that is too large',
      `HTTP/1.1 200 OK\r\n${'x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n'.repeat(2_000)}\r\n`,
      'silence',
      { reason: 'protocol' },
    ],
    [
      'one header that is too large',
      `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`,
      'silence',
      { reason: 'protocol' },
    ],
    ['control bytes in a header', 'HTTP/1.1 200 OK\r\nx: \0\x01\r\n\r\n', 'end', { reason: 'protocol' }],
    [
      'any bytes in a body',
      'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\0\xff\n',
      'silence',
      { body: Buffer.from([0, 0xff, 10]) },
    ],
    [
      'any high bytes in a header',
      'HTTP/1.1 200 \xff\xfe\r\nx: \xff\xfe\r\ncontent-length: 0\r\n\r\n',
      'silence',
      { statusCode: 200 },
    ],
    [
      'trailers without end',
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${'t: uuuuuuuuuuuuuuuuuuuu\r\n'.repeat(4_000)}`,
      'silence',
      { reason: 'protocol' },
    ],
    [
      'an unexpected 100',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
      'silence',
      { reason: 'protocol' },
    ],
  ])('ends %s as one outcome', async (_what, bytes, ending, expected) => {
    respond = (socket) => send(socket, bytes, ending);
    expect(await post(1_000)).toMatchObject(expected);
    // The next request gets the answer to itself, and not what is left of the last one.
    respond = (socket) => socket.write('HTTP/1.1 202 Accepted\r\ncontent-length: 4\r\n\r\nmine');
    expect(await post(1_000)).toMatchObject({ kind: 'response', statusCode: 202, body: Buffer.from('mine') });
  });

  it.each([
    ['empty lines', '', '\r\n'.repeat(8_192)],
    ['a reason phrase', 'HTTP/1.1 200 ', 'x'.repeat(16_384)],
    ['a chunk extension', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;', 'x'.repeat(16_384)],
    [
      'chunks of one byte with extensions',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
      `1;${'x'.repeat(8_192)}\r\na\r\n`,
    ],
  ])('stops a flood of %s long before the deadline', async (_what, first, flood) => {
    respond = (socket) => {
      socket.write(first);
      const pump = (): void => {
        while (!socket.destroyed && socket.write(flood)) {
          // Until the client stops reading.
        }
      };
      socket.on('drain', pump);
      pump();
    };
    const outcome = await post(5_000);
    expect(outcome).toMatchObject({ kind: 'failure', reason: 'protocol' });
    expect(outcome.durationMs).toBeLessThan(1_000);
  });

  const line = fc.constantFrom(
    ...[
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.0 500 X\r\n',
      'HTTP/1.1 103 H\r\n\r\n',
      'HTTP/1.1 204 N\r\n',
      'HTTP/1.1 101 S\r\n',
    ],
    ...[
      'content-length: 5\r\n',
      'content-length: 0\r\n',
      'content-length: 99999\r\n',
      'transfer-encoding: chunked\r\n',
    ],
    ...[
      'connection: close\r\n',
      'connection: keep-alive\r\n',
      'connection: upgrade\r\nupgrade: x\r\n',
      'keep-alive: timeout=1\r\n',
    ],
    ...[
      'retry-after: inf\r\n',
      'content-encoding: gzip\r\n',
      '\r\n',
      '\r\n\r\n',
      '5\r\nabcde\r\n',
      '0\r\n\r\n',
      'abcde',
      '\0',
      ': x\r\n',
    ],
  );
  const piece = fc.oneof(
    { weight: 5, arbitrary: line.map((text) => Buffer.from(text, 'latin1')) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.nat(2_000).map((size) => Buffer.alloc(size, 'z')) },
  );
  const response = fc.record({
    pieces: fc.array(piece, { maxLength: 12 }),
    isWhole: fc.boolean(),
    hasStart: fc.boolean(),
    ending: fc.constantFrom<Ending>('end', 'end', 'reset', 'silence'),
  });

  it('ends arbitrary bytes in exactly one outcome within the deadline', async () => {
    const timeoutMs = 60;
    await fc.assert(
      fc.asyncProperty(fc.array(response, { minLength: 40, maxLength: 40 }), async (responses) => {
        const queue = [...responses];
        respond = (socket) => {
          const next = queue.pop();
          if (next === undefined) {
            socket.destroy();
            return;
          }
          const pieces = next.hasStart ? [Buffer.from('HTTP/1.1 200 OK\r\n'), ...next.pieces] : next.pieces;
          for (const bytes of next.isWhole ? [Buffer.concat(pieces)] : pieces) {
            socket.write(bytes);
          }
          send(socket, '', next.ending);
        };
        const outcomes = await Promise.all(
          responses.map(async () => {
            const startedAt = performance.now();
            const outcome = await post(timeoutMs);
            return { outcome, tookMs: performance.now() - startedAt };
          }),
        );
        for (const { outcome, tookMs } of outcomes) {
          expect(tookMs).toBeLessThan(timeoutMs + 250);
          if (outcome.kind === 'response') {
            expect(outcome.body.length).toBeLessThanOrEqual(MAX_RESPONSE_BYTES);
            expect(outcome.statusCode).toBeGreaterThanOrEqual(200);
          } else {
            expect(['connection', 'protocol', 'timeout']).toContain(outcome.reason);
            expect(outcome.message).toMatch(/^\P{Cc}{1,500}$/u);
          }
        }
      }),
      { numRuns: 20 },
    );
  });
});
