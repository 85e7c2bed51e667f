import { eventually } from '../support/eventually';
import { reset, startReceiver } from '../support/receiver';
import { type AttemptView, type Customer, Scene } from '../support/scene';

/** What a busy machine may add to a delay. */
const SLACK_MS = 1_500;

jest.setTimeout(30_000);

describe('retries', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.start({ RETRY_SCHEDULE: '0.4,0.8' });
  }, 60_000);

  afterAll(() => scene.stop());

  const attemptsWhen = (count: number, { appId }: Customer, id: string): Promise<AttemptView[]> =>
    eventually(async () => {
      const attempts = await scene.attempts(appId, id);
      expect(attempts).toHaveLength(count);
      return attempts;
    });

  async function dueInMs(messageId: string): Promise<number> {
    return eventually(async () => {
      const [row] = await scene.sql<{ due: Date; last: number }>(
        `SELECT p.due_at AS due FROM pending_delivery p WHERE p.message_id = $1 AND claim IS NULL`,
        [messageId],
      );
      expect(row).toBeDefined();
      return (row?.due.getTime() ?? 0) - Date.now();
    });
  }

  it.concurrent('follow the schedule, each with its jitter, and end with it', async () => {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, { status: 500, body: 'no' });
    const id = await scene.send(customer.appId);

    const attempts = await attemptsWhen(3, customer, id);
    expect(attempts.map(({ status, triggerType }) => [status, triggerType])).toEqual([
      [2, 0],
      [2, 0],
      [2, 0],
    ]);
    expect(attempts[0]).toMatchObject({ statusText: 'fail', responseStatusCode: 500, response: 'no' });
    const at = scene.receiver.requestsTo(customer.path).map((request) => request.at);
    const gaps = [(at[1] ?? 0) - (at[0] ?? 0), (at[2] ?? 0) - (at[1] ?? 0)];
    expect(gaps[0]).toBeGreaterThanOrEqual(320);
    expect(gaps[0]).toBeLessThan(480 + SLACK_MS);
    expect(gaps[1]).toBeGreaterThanOrEqual(640);
    expect(gaps[1]).toBeLessThan(960 + SLACK_MS);
    await eventually(async () =>
      expect(await scene.sql('SELECT 1 FROM pending_delivery WHERE message_id = $1', [id])).toEqual([]),
    );
  });

  it.concurrent('end with a success', async () => {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, [{ status: 500 }, { status: 204 }]);
    const id = await scene.send(customer.appId);

    const attempts = await attemptsWhen(2, customer, id);
    expect(attempts.map((attempt) => attempt.responseStatusCode)).toEqual([500, 204]);
    expect(await scene.sql('SELECT 1 FROM pending_delivery WHERE message_id = $1', [id])).toEqual([]);
  });

  it.concurrent.each([
    ['199 is not even an answer', 199, 2],
    ['200 is success', 200, 0],
    ['299 is success', 299, 0],
    ['300 is failure', 300, 2],
    ['400 is failure', 400, 2],
    ['404 is failure', 404, 2],
    ['599 is failure', 599, 2],
  ])('know that %s', async (_, code, status) => {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, { takeOver: (socket) => void socket.end(rawAnswer(code)) });
    const id = await scene.send(customer.appId);

    const [first] = await eventually(async () => {
      const attempts = await scene.attempts(customer.appId, id);
      expect(attempts).not.toHaveLength(0);
      return attempts;
    });
    expect(first?.status).toBe(status);
  });

  it.concurrent.each([301, 302, 303, 307, 308])('do not follow a redirect by %i', async (status) => {
    const customer = await scene.newCustomer();
    const target = scene.newPath();
    scene.receiver.script(customer.path, { status, headers: { location: scene.receiver.url + target } });
    const id = await scene.send(customer.appId);

    const attempts = await attemptsWhen(3, customer, id);
    expect(attempts.map((attempt) => attempt.responseStatusCode)).toEqual([status, status, status]);
    expect(scene.receiver.requestsTo(target)).toEqual([]);
  });

  it.concurrent('come after a connection that was reset, and after one that was refused', async () => {
    // A receiver of its own: a connection that was kept alive and is reset counts as stale, and is no attempt.
    const receiver = await startReceiver({ respond: (_request, nth) => (nth === 1 ? reset() : {}) });
    const customer = await scene.newCustomer({ url: receiver.url });
    const other = await scene.newCustomer({ url: 'http://127.0.0.1:1/' });
    const [id, otherId] = [await scene.send(customer.appId), await scene.send(other.appId)];

    const attempts = await attemptsWhen(2, customer, id);
    expect(attempts.map(({ status, responseStatusCode }) => [status, responseStatusCode])).toEqual([
      [2, 0],
      [0, 200],
    ]);
    expect(attempts[0]?.response).not.toBe('');
    expect((await attemptsWhen(3, other, otherId))[2]).toMatchObject({ status: 2, responseStatusCode: 0 });
    await receiver.close();
  });

  it.concurrent('stop at 410, which disables the endpoint', async () => {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, { status: 410 });
    const id = await scene.send(customer.appId);
    await attemptsWhen(1, customer, id);

    await eventually(async () =>
      expect(await scene.ok('GET', `/app/${customer.appId}/endpoint/${customer.endpointId}`)).toMatchObject({
        disabled: true,
      }),
    );
    expect(await scene.sql('SELECT 1 FROM pending_delivery WHERE message_id = $1', [id])).toEqual([]);
    const later = await scene.send(customer.appId);
    await eventually(async () =>
      expect(await scene.sql('SELECT 1 FROM dispatch WHERE $1 = ANY (message_ids)', [later])).toEqual([]),
    );
    expect(scene.receiver.requestsTo(customer.path)).toHaveLength(1);
  });

  it.concurrent('end without an attempt when the endpoint was deleted meanwhile', async () => {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, { status: 500 });
    const id = await scene.send(customer.appId);
    await dueInMs(id);
    await scene.ok('DELETE', `/app/${customer.appId}/endpoint/${customer.endpointId}`);

    await eventually(async () =>
      expect(await scene.sql('SELECT 1 FROM pending_delivery WHERE message_id = $1', [id])).toEqual([]),
    );
    expect(scene.receiver.requestsTo(customer.path)).toHaveLength(1);
  });

  describe('with Retry-After', () => {
    it.concurrent.each([
      ['30 seconds', '30', 30_000, 36_000],
      ['decimal seconds', '20.5', 20_500, 24_600],
      ['far too many seconds', '100000000000000000000', 3_600_000, 3_600_001],
      ['the year 9999', 'Fri, 31 Dec 9999 23:59:59 GMT', 3_600_000, 3_600_001],
      ['no time at all', '0', 0, 480],
      ['a date that is past', 'Wed, 21 Oct 2015 07:28:00 GMT', 0, 480],
      ['inf', 'inf', 0, 480],
      ['NaN', 'NaN', 0, 480],
      ['a negative number', '-30', 0, 480],
      ['an exponent', '1e9', 0, 480],
      ['garbage', 'soon, \u00fe\u00ff', 0, 480],
      ['a long text', '9'.repeat(500), 0, 480],
    ])('wait as bounded for %s', async (_, value, fromMs, toMs) => {
      const customer = await scene.newCustomer();
      scene.receiver.script(customer.path, [{ status: 503, headers: { 'retry-after': value } }, {}]);
      const id = await scene.send(customer.appId);

      if (toMs < 1_000) {
        const [first, second] = await attemptsWhen(2, customer, id);
        expect(Date.parse(second?.timestamp ?? '') - Date.parse(first?.timestamp ?? '')).toBeLessThan(toMs + SLACK_MS);
        return;
      }
      const due = await dueInMs(id);
      expect(due).toBeGreaterThan(fromMs - 2_000);
      expect(due).toBeLessThanOrEqual(toMs);
    });

    it.concurrent('wait for the date that is given', async () => {
      const customer = await scene.newCustomer();
      const at = new Date(Date.now() + 60_000);
      scene.receiver.script(customer.path, { status: 429, headers: { 'retry-after': at.toUTCString() } });
      const id = await scene.send(customer.appId);

      expect(await dueInMs(id)).toBeGreaterThan(57_000);
    });
  });
});

function rawAnswer(status: number): string {
  return `HTTP/1.1 ${status} Status\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
}
