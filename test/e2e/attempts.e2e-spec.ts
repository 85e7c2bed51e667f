import { eventually } from '../support/eventually';
import { type AttemptView, type Customer, type PageView, Scene } from '../support/scene';

type Listed = Record<string, unknown> & { id: string };

jest.setTimeout(30_000);

/**
 * Three messages at an endpoint with retries after an hour: `ok` succeeded, `failed` was answered 400 and then expired
 * (fail), `failing` was answered 500 and is to be retried (sending). `ok` was sent again by hand.
 */
describe('attempts', () => {
  let scene: Scene;
  let customer: Customer;
  const ids: Record<'ok' | 'failed' | 'failing', string> = { ok: '', failed: '', failing: '' };

  beforeAll(async () => {
    scene = await Scene.start({ RETRY_SCHEDULE: '3600' });
    customer = await scene.newCustomer();
    scene.receiver.script(customer.path, [
      { body: 'fine' },
      { status: 400, body: 'bad' },
      { status: 500, body: 'sorry' },
      { status: 201, body: 'again' },
    ]);
    ids.ok = await sendAndWait({ eventType: 'type-0', channels: ['red'], tags: ['first'] });
    ids.failed = await sendAndWait({ eventType: 'type-1', channels: ['blue'] });
    ids.failing = await sendAndWait({ eventType: 'type-2', payload: { n: 1e20 } });
    await eventually(async () => {
      await scene.sql('DELETE FROM pending_delivery WHERE message_id = $1', [ids.failed]);
      expect(await scene.sql('SELECT 1 FROM pending_delivery')).toHaveLength(1);
    });
    await scene.ok('POST', `/app/${customer.appId}/msg/${ids.ok}/endpoint/${customer.endpointId}/resend`);
    await eventually(async () => expect(await scene.attempts(customer.appId, ids.ok)).toHaveLength(2));
  }, 60_000);

  afterAll(() => scene.stop());

  async function sendAndWait(message: Record<string, unknown>): Promise<string> {
    const id = await scene.send(customer.appId, message);
    await eventually(async () => expect(await scene.attempts(customer.appId, id)).toHaveLength(1));
    return id;
  }

  const nameOf = (id: unknown): string => Object.entries(ids).find(([, value]) => value === id)?.[0] ?? '?';

  function list<T = AttemptView>(path: string, query = ''): Promise<PageView<T>> {
    return scene.ok<PageView<T>>('GET', `/app/${customer.appId}/${path}${query}`);
  }

  const byEndpoint = (query = ''): Promise<PageView<AttemptView>> =>
    list(`attempt/endpoint/${customer.endpointId}`, query);

  describe('of an endpoint and of a message', () => {
    it('have every field', async () => {
      const { data } = await list(`attempt/msg/${ids.failed}`);

      expect(data).toEqual([
        {
          id: expect.stringMatching(/^atmpt_[0-9A-Za-z]{27}$/),
          msgId: ids.failed,
          endpointId: customer.endpointId,
          url: scene.receiver.url + customer.path,
          response: 'bad',
          responseStatusCode: 400,
          responseDurationMs: expect.any(Number),
          status: 2,
          statusText: 'fail',
          triggerType: 0,
          timestamp: expect.stringMatching(/Z$/),
        },
      ]);
      const { id, ...rest } = data[0] as AttemptView;
      expect(await scene.svix.messageAttempt.get(customer.appId, ids.failed, id)).toMatchObject({
        response: rest.response,
      });
      expect(await scene.ok('GET', `/app/${customer.appId}/msg/${ids.failed}/attempt/${id}`)).toEqual({ id, ...rest });
    });

    it('are listed newest first, and by page', async () => {
      const all = await byEndpoint();
      expect(all.data.map(({ msgId, triggerType }) => [nameOf(msgId), triggerType])).toEqual([
        ['ok', 1],
        ['failing', 0],
        ['failed', 0],
        ['ok', 0],
      ]);
      const first = await byEndpoint('?limit=3');
      expect(first).toMatchObject({ data: all.data.slice(0, 3), done: false, iterator: all.data[2]?.id });
      const second = await byEndpoint(`?limit=3&iterator=${first.iterator}`);
      expect(second).toMatchObject({ data: all.data.slice(3), done: true });
      expect((await byEndpoint(`?limit=3&iterator=${second.prevIterator}`)).data).toEqual(first.data);
    });

    it.each([
      ['status=0', ['ok', 'ok']],
      ['status=1', []],
      ['status=2', ['failing', 'failed']],
      ['status=3', []],
      ['status_code_class=200', ['ok', 'ok']],
      ['status_code_class=400', ['failed']],
      ['status_code_class=500', ['failing']],
      ['status_code_class=0', []],
      ['channel=red', ['ok', 'ok']],
      ['channel=green', []],
      ['tag=first', ['ok', 'ok']],
      ['event_types=type-1,type-2', ['failing', 'failed']],
      ['event_types[]=type-0&status=0&status_code_class=200&channel=red', ['ok', 'ok']],
      ['expanded_statuses=true', ['ok', 'failing', 'failed', 'ok']],
    ])('are filtered by %s', async (query, expected) => {
      const { data } = await byEndpoint(`?${query}`);
      expect(data.map(({ msgId }) => nameOf(msgId))).toEqual(expected);
      for (const name of new Set(expected)) {
        const ofMessage = await list(`attempt/msg/${ids[name as 'ok']}`, `?${query}`);
        expect(ofMessage.data).toEqual(data.filter(({ msgId }) => nameOf(msgId) === name));
      }
    });

    it('are bounded by before and after', async () => {
      const { data } = await byEndpoint();
      const at = encodeURIComponent(data[1]?.timestamp ?? '');

      expect((await byEndpoint(`?before=${at}`)).data).toEqual(data.slice(2));
      expect((await byEndpoint(`?after=${at}`)).data).toEqual(data.slice(0, 2));
    });

    it('have a message, and no content, just when it is asked for', async () => {
      const query = `?status_code_class=500`;
      expect((await byEndpoint(query)).data[0]).not.toHaveProperty('msg');
      const [full] = (await byEndpoint(`${query}&with_msg=true`)).data;
      expect(full).toMatchObject({ response: 'sorry', msg: { id: ids.failing, payload: { n: 1e20 } } });
      const [bare] = (await byEndpoint(`${query}&with_msg=true&with_content=false`)).data;
      expect(bare).toMatchObject({ response: '', msg: { id: ids.failing, payload: {} } });
    });

    it('of a message can be those to one endpoint only', async () => {
      const other = await scene.newEndpoint(customer.appId, {
        url: scene.receiver.url + scene.newPath(),
        uid: 'other',
        channels: ['only-other'],
      });
      const id = await scene.send(customer.appId, { channels: ['only-other'], eventType: 'other' });
      await eventually(async () => expect(await scene.attempts(customer.appId, id)).toHaveLength(2));

      for (const name of [other, 'other']) {
        const { data } = await list(`attempt/msg/${id}`, `?endpoint_id=${name}`);
        expect(data.map(({ endpointId }) => endpointId)).toEqual([other]);
      }
      const answer = await scene.call('GET', `/app/${customer.appId}/attempt/msg/${id}?endpoint_id=nobody`);
      expect(answer.status).toBe(404);
      await scene.ok('DELETE', `/app/${customer.appId}/endpoint/${other}`);
      await scene.sql('DELETE FROM attempt WHERE message_id = $1', [id]);
    });

    it.each(['status=4', 'status=x', 'status_code_class=201', 'with_msg=1'])('refuse %s with 400', async (query) => {
      const path = `/app/${customer.appId}/attempt/endpoint/${customer.endpointId}?${query}`;
      expect((await scene.call('GET', path)).status).toBe(400);
    });

    it('answer 404 for an attempt of another message', async () => {
      const [attempt] = await scene.attempts(customer.appId, ids.ok);
      const path = `/app/${customer.appId}/msg/${ids.failed}/attempt`;

      for (const id of [attempt?.id, 'atmpt_2mXLPKqXdU5bY8rVvY6jvBEuCbD', 'atmpt_x', 'a%00']) {
        expect((await scene.call('GET', `${path}/${id}`)).status).toBe(404);
      }
    });
  });

  describe('attempted messages', () => {
    const attempted = (query = ''): Promise<PageView<Listed>> => list(`endpoint/${customer.endpointId}/msg`, query);

    it('show what became of each, and when the next attempt is due', async () => {
      const { data, done } = await attempted();

      expect(done).toBe(true);
      expect(data.map(({ id, status, statusText }) => [nameOf(id), status, statusText])).toEqual([
        ['failing', 3, 'sending'],
        ['failed', 2, 'fail'],
        ['ok', 0, 'success'],
      ]);
      const [failing, failed, ok] = data;
      const dueInMs = Date.parse(String(failing?.['nextAttempt'])) - Date.now();
      expect(dueInMs).toBeGreaterThan(2_800_000);
      expect(dueInMs).toBeLessThan(4_320_000);
      expect(failed).not.toHaveProperty('nextAttempt');
      expect(ok).not.toHaveProperty('nextAttempt');
      expect(failing).toMatchObject({ eventType: 'type-2', payload: { n: 1e20 }, channels: null });
    });

    it.each([
      ['status=0', ['ok']],
      ['status=1', []],
      ['status=2', ['failed']],
      ['status=3', ['failing']],
      ['channel=blue', ['failed']],
      ['tag=first', ['ok']],
      ['event_types=type-0,type-2', ['failing', 'ok']],
      ['status=3&event_types=type-0', []],
    ])('are filtered by %s', async (query, expected) => {
      expect((await attempted(`?${query}`)).data.map(({ id }) => nameOf(id))).toEqual(expected);
    });

    it('come in pages, each message once however often it was attempted', async () => {
      const first = await attempted('?limit=2&with_content=false');
      expect(first).toMatchObject({ done: false, iterator: ids.failed, data: [{ payload: {} }, { payload: {} }] });
      const second = await attempted(`?limit=2&iterator=${first.iterator}`);
      expect(second).toMatchObject({ done: true, data: [{ id: ids.ok }] });
    });

    it('end no page early when a message is gone', async () => {
      const { appId, endpointId } = await scene.newCustomer();
      const sent: string[] = [];
      for (let n = 0; n < 4; n++) {
        sent.push(await scene.send(appId));
      }
      await eventually(async () =>
        expect(await scene.sql('SELECT 1 FROM attempt WHERE endpoint_id = $1', [endpointId])).toHaveLength(4),
      );
      await scene.sql('DELETE FROM message WHERE id = $1', [sent[2]]);

      const page = await scene.ok<PageView<Listed>>('GET', `/app/${appId}/endpoint/${endpointId}/msg?limit=2`);
      expect(page).toMatchObject({ data: [{ id: sent[3] }], iterator: sent[2], done: false });
      const next = await scene.ok<PageView<Listed>>(
        'GET',
        `/app/${appId}/endpoint/${endpointId}/msg?limit=2&iterator=${page.iterator}`,
      );
      expect(next).toMatchObject({ data: [{ id: sent[1] }, { id: sent[0] }], done: true });
    });
  });

  describe('attempted destinations', () => {
    it('are those of a message, in pages, deleted endpoints included', async () => {
      const { id: appId } = await scene.svix.application.create({ name: 'many' });
      const endpoints: string[] = [];
      for (let n = 0; n < 5; n++) {
        const path = scene.newPath();
        scene.receiver.script(path, { status: n === 0 ? 500 : 200 });
        endpoints.push(await scene.newEndpoint(appId, { url: scene.receiver.url + path, description: `number ${n}` }));
      }
      const id = await scene.send(appId);
      await eventually(async () => expect(await scene.attempts(appId, id)).toHaveLength(5));
      await scene.ok('DELETE', `/app/${appId}/endpoint/${endpoints[4]}`);
      const page = (query: string): Promise<PageView<Listed>> =>
        scene.ok('GET', `/app/${appId}/msg/${id}/endpoint${query}`);

      const first = await page('?limit=3');
      expect(first.data.map((item) => item.id)).toEqual(endpoints.slice(0, 3));
      expect(first).toMatchObject({ done: false, iterator: endpoints[2] });
      expect(first.data.map(({ status, statusText }) => [status, statusText])).toEqual([
        [3, 'sending'],
        [0, 'success'],
        [0, 'success'],
      ]);
      expect(Date.parse(String(first.data[0]?.['nextAttempt']))).toBeGreaterThan(Date.now());
      expect(first.data[1]).toMatchObject({ nextAttempt: null, description: 'number 1', disabled: false });
      const second = await page(`?limit=3&iterator=${first.iterator}`);
      expect(second.data.map((item) => item.id)).toEqual(endpoints.slice(3));
      expect(second.done).toBe(true);
      expect((await page(`?limit=3&iterator=${second.prevIterator}`)).data).toEqual(first.data);
      expect((await page('?limit=5')).done).toBe(true);
    });
  });
});
