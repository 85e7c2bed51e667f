import { eventually } from '../support/eventually';
import { drip, hang, hugeBody, rawBytes, type ScriptedResponse } from '../support/receiver';
import { type AttemptView, Scene } from '../support/scene';

const TIMEOUT_MS = 1_000;
const CAP = 20_000;

jest.setTimeout(30_000);

/** Sends the head of an answer byte by byte. */
function dripHead(everyMs: number): ScriptedResponse {
  return {
    takeOver: (socket) => {
      const head = `HTTP/1.1 200 OK\r\nx-slow: ${'a'.repeat(1_000)}\r\n\r\n`;
      let sent = 0;
      const timer = setInterval(() => socket.write(head.charAt(sent++)), everyMs);
      socket.once('close', () => clearInterval(timer));
      socket.on('error', () => clearInterval(timer));
    },
  };
}

describe('receivers that behave badly', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.start({ RETRY_SCHEDULE: '', REQUEST_TIMEOUT_SECONDS: String(TIMEOUT_MS / 1000) });
  }, 60_000);

  afterAll(() => scene.stop());

  /** The one attempt at a receiver that answers like this. */
  async function attemptAt(answer: ScriptedResponse): Promise<AttemptView> {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, answer);
    const id = await scene.send(customer.appId);
    const attempts = await eventually(async () => {
      const found = await scene.attempts(customer.appId, id);
      expect(found).toHaveLength(1);
      return found;
    });
    return attempts[0] as AttemptView;
  }

  it.concurrent.each([
    ['says nothing', hang()],
    ['sends its head byte by byte', dripHead(50)],
    ['sends its body byte by byte', drip(50)],
    ['stops in the middle of the head', rawBytes('HTTP/1.1 200 OK\r\nx-a: ', true)],
    ['stops in the middle of the body', rawBytes('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf', true)],
  ])('cost no more than the deadline: one that %s', async (_, answer) => {
    const attempt = await attemptAt(answer);

    expect(attempt).toMatchObject({ status: 2, responseStatusCode: 0, response: expect.stringContaining('time') });
    expect(attempt.responseDurationMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 20);
    expect(attempt.responseDurationMs).toBeLessThan(TIMEOUT_MS + 1_000);
  });

  it.concurrent.each([
    ['of 100 MB', hugeBody(100_000_000)],
    ['of one byte too many', { body: 'x'.repeat(CAP + 1) }],
    ['of just the cap', { body: 'x'.repeat(CAP) }],
  ])('have a body %s kept up to the cap, and it is no failure', async (_, answer) => {
    const attempt = await attemptAt(answer);

    expect(attempt).toMatchObject({ status: 0, responseStatusCode: 200 });
    expect(attempt.response === 'x'.repeat(CAP)).toBe(true);
  });

  it.concurrent.each([
    ['a NUL', Buffer.from('a\0b'), 'a\0b'],
    ['quotes and control characters', Buffer.from('"\\\u0001\u2028'), '"\\\u0001\u2028'],
    ['emoji', Buffer.from('é漢😀'), 'é漢😀'],
    ['half an emoji', Buffer.from('😀').subarray(0, 3), Buffer.from('😀').subarray(0, 3).toString('base64')],
    ['bytes that are not UTF-8', Buffer.of(0xff, 0xfe, 0), Buffer.of(0xff, 0xfe, 0).toString('base64')],
    ['an encoded surrogate', Buffer.of(0xed, 0xa0, 0x80), Buffer.of(0xed, 0xa0, 0x80).toString('base64')],
    ['nothing', Buffer.of(), ''],
    ['a character cut at the cap', Buffer.from(`${'x'.repeat(CAP - 2)}😀`), 'x'.repeat(CAP - 2)],
    ['a character cut one byte after its start', Buffer.from(`${'x'.repeat(CAP - 1)}é`), 'x'.repeat(CAP - 1)],
  ])('have %s recorded', async (_, body, shown) => {
    expect((await attemptAt({ status: 400, body })).response).toBe(shown);
  });

  it.concurrent.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['nothing and hangs up', ''],
    ['half a body and hangs up', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'],
    ['a status that is no number', 'HTTP/1.1 2x0 OK\r\n\r\n'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\n${'x-a: b\r\n'.repeat(10_000)}`],
    ['a NUL in a header', 'HTTP/1.1 200 OK\r\nx-a: \0\r\ncontent-length: 0\r\n\r\n'],
  ])('end as a failed attempt when one answers %s', async (_, bytes) => {
    const attempt = await attemptAt(rawBytes(bytes));

    expect(attempt).toMatchObject({ status: 2, responseStatusCode: 0 });
    expect(attempt.response).not.toBe('');
  });
});

describe('receivers that hang', () => {
  it('do not keep others from getting theirs', async () => {
    const scene = await Scene.start({ REQUEST_TIMEOUT_SECONDS: '5' });
    try {
      const slow = await scene.newCustomer();
      scene.receiver.script(slow.path, hang());
      const quick = await scene.newCustomer();
      // One by one, so that each is a batch of its own.
      for (let sent = 0; sent < 60; sent++) {
        await scene.send(slow.appId);
      }

      await scene.send(quick.appId);
      await scene.receiver.waitFor(() => scene.receiver.requestsTo(quick.path).length === 1);
      // While all the others still hang: none of them has come to its end.
      expect(await scene.sql('SELECT 1 FROM attempt WHERE app_id = $1', [slow.appId])).toHaveLength(0);
    } finally {
      await scene.stop();
    }
  });
});

describe('receivers that are overloaded', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.start({ RETRY_SCHEDULE: '0.1,0.1,0.1,0.1,0.1,0.1,0.1', ENDPOINT_MAX_IN_FLIGHT: '16' });
  }, 60_000);

  afterAll(() => scene.stop());

  it.concurrent.each([429, 502, 503, 504])(
    'are called less at a time after a %i, and get everything in the end',
    async (status) => {
      const customer = await scene.newCustomer();
      let isOverloaded = true;
      let atOnce = 0;
      let most = 0;
      let letGo = (): void => undefined;
      const isFull = new Promise<void>((resolve) => (letGo = resolve));
      scene.receiver.script(customer.path, async () => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await isFull;
        await new Promise((resolve) => setTimeout(resolve, 20));
        atOnce -= 1;
        return isOverloaded ? { status } : {};
      });
      await Promise.all(Array.from({ length: 60 }, () => scene.send(customer.appId)));
      await scene.receiver.waitFor(() => most === 16);
      letGo();
      await eventually(() => expect(atOnce).toBeLessThan(16), 5_000, 1);
      most = 0;
      await scene.receiver.waitFor(() => scene.receiver.requestsTo(customer.path).length >= 36);
      expect(most).toBeLessThanOrEqual(8);

      isOverloaded = false;
      await eventually(async () => {
        const [row] = await scene.sql(
          'SELECT count(DISTINCT message_id)::int AS count FROM attempt WHERE app_id = $1 AND is_success',
          [customer.appId],
        );
        expect(row).toEqual({ count: 60 });
      }, 20_000);
    },
  );
});
