import { Svix as SvixV1 } from 'svix-v1';
import { type ApiAnswer } from '../support/api';
import { Scene } from '../support/scene';

const OTHER_ORGANIZATION = 'org_2mXLPKqXdU5bY8rVvY6jvBEuCbD';

describe('messages', () => {
  let scene: Scene;
  let appId: string;
  let counter = 0;

  beforeAll(async () => {
    scene = await Scene.start({ MAX_BODY_BYTES: '4096' });
    appId = (await scene.svix.application.create({ name: 'customer', uid: 'customer' })).id;
  }, 60_000);

  afterAll(() => scene.stop());

  const newEventId = (): string => `event-${(counter += 1)}`;
  const post = (body: unknown, app = appId, headers?: Record<string, string>): Promise<ApiAnswer> =>
    scene.call('POST', `/app/${app}/msg`, body, headers);
  const problemsOf = (answer: ApiAnswer): unknown =>
    (answer.body['detail'] as { loc: string[] }[]).map((problem) => problem.loc.join('.'));

  describe('create', () => {
    it('answers 202 with every field, unset ones null', async () => {
      const answer = await post({ eventType: 'invoice.paid', payload: { a: 1 } });

      expect(answer.status).toBe(202);
      expect(answer.body).toEqual({
        id: expect.stringMatching(/^msg_[0-9A-Za-z]{27}$/),
        eventId: null,
        eventType: 'invoice.paid',
        payload: { a: 1 },
        channels: null,
        tags: null,
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        deliverAt: null,
      });
    });

    it('works with both SDKs, which then find it by id and eventId', async () => {
      const svixV1 = new SvixV1(scene.server.token(), { serverUrl: scene.server.url });
      const message = { eventType: 'a', channels: ['x', 'y', 'x'], tags: ['t'], payload: { deep: { number: 1.5 } } };
      const two = await scene.svix.message.create('customer', { ...message, eventId: newEventId() });
      const one = await svixV1.message.create('customer', { ...message, eventId: newEventId() });

      const found = await svixV1.message.get(appId, two.eventId ?? '');
      expect(found).toMatchObject({ id: two.id, channels: ['x', 'y'], tags: ['t'], payload: message.payload });
      expect(await scene.svix.message.get(appId, one.id)).toMatchObject({ id: one.id, eventId: one.eventId });
    });

    it('leaves the payload out of every answer when with_content is false', async () => {
      const created = await scene.call('POST', `/app/${appId}/msg?with_content=false`, {
        eventType: 'a',
        payload: { a: 1 },
      });
      const id = String(created.body['id']);

      expect(created.body['payload']).toEqual({});
      expect((await scene.ok('GET', `/app/${appId}/msg/${id}?with_content=false`))['payload']).toEqual({});
      expect((await scene.ok('GET', `/app/${appId}/msg/${id}`))['payload']).toEqual({ a: 1 });
      const listed = await scene.ok('GET', `/app/${appId}/msg?limit=1&with_content=false`);
      expect(listed['data']).toMatchObject([{ id, payload: {} }]);
    });

    it('makes the application on the fly from the body, once', async () => {
      const uid = 'on-the-fly';
      const body = { eventType: 'a', payload: {}, application: { name: 'New', uid, metadata: { plan: 'gold' } } };

      expect((await post({ eventType: 'a', payload: {} }, uid)).status).toBe(404);
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(body, uid)));

      expect(answers.map((answer) => answer.status)).toEqual(Array<number>(20).fill(202));
      const application = await scene.ok('GET', `/app/${uid}`);
      expect(application).toMatchObject({ name: 'New', metadata: { plan: 'gold' } });
      const page = await scene.ok('GET', `/app/${String(application['id'])}/msg`);
      expect(page['data']).toHaveLength(20);
    });

    it.each([
      ['another uid', { name: 'New', uid: 'other-uid' }],
      ['no uid', { name: 'New' }],
    ])('answers 422 for an application with %s than the path', async (_, application) => {
      const answer = await post({ eventType: 'a', payload: {}, application }, 'not-there');

      expect(answer.status).toBe(422);
    });

    it('checks the application of the body only when it is needed', async () => {
      expect((await post({ eventType: 'a', payload: {}, application: 5 })).status).toBe(202);
      const answer = await post({ eventType: 'a', payload: {}, application: { uid: 'new-one' } }, 'new-one');
      expect(answer.status).toBe(422);
      expect(problemsOf(answer)).toEqual(['body.application.name']);
    });

    it.each([
      ['no event type', { payload: {} }, ['body.eventType']],
      ['an empty event type', { eventType: '', payload: {} }, ['body.eventType']],
      ['a space in the event type', { eventType: 'a b', payload: {} }, ['body.eventType']],
      ['a long event type', { eventType: 'a'.repeat(257), payload: {} }, ['body.eventType']],
      ['no payload', { eventType: 'a' }, ['body.payload']],
      ['a list as payload', { eventType: 'a', payload: [] }, ['body.payload']],
      ['a text as payload', { eventType: 'a', payload: '{}' }, ['body.payload']],
      ['null as payload', { eventType: 'a', payload: null }, ['body.payload']],
      ['both names of the payload', { eventType: 'a', payload: {}, data: {} }, ['body.payload']],
      ['an eventId like ours', { eventType: 'a', payload: {}, eventId: 'msg_a' }, ['body.eventId']],
      ['a number as eventId', { eventType: 'a', payload: {}, eventId: 5 }, ['body.eventId']],
      ['no channel', { eventType: 'a', payload: {}, channels: [] }, ['body.channels']],
      ['six channels', { eventType: 'a', payload: {}, channels: [...'abcdef'] }, ['body.channels']],
      ['nine tags', { eventType: 'a', payload: {}, tags: [...'abcdefghi'] }, ['body.tags']],
      ['a comma in a channel', { eventType: 'a', payload: {}, channels: ['a,b'] }, ['body.channels']],
      ['0 days', { eventType: 'a', payload: {}, payloadRetentionPeriod: 0 }, ['body.payloadRetentionPeriod']],
      ['91 days', { eventType: 'a', payload: {}, payloadRetentionPeriod: 91 }, ['body.payloadRetentionPeriod']],
      ['1.5 hours', { eventType: 'a', payload: {}, payloadRetentionHours: 1.5 }, ['body.payloadRetentionHours']],
      ['a time without zone', { eventType: 'a', payload: {}, deliverAt: '2026-01-01T00:00:00' }, ['body.deliverAt']],
      ['a day too late', { eventType: 'a', payload: {}, deliverAt: '2149-01-01T00:00:00Z' }, ['body.deliverAt']],
      ['raw that is no text', { eventType: 'a', payload: {}, transformationsParams: { rawPayload: 5 } }, undefined],
      ['several problems', { eventType: 5, channels: 'a' }, ['body.eventType', 'body.channels', 'body.payload']],
      ['a list', [], ['body']],
      ['a number', '5', ['body']],
      ['half a JSON', '{"eventType":', ['body']],
      ['text after the JSON', '{"eventType":"a","payload":{}} x', ['body']],
      ['a field twice', '{"eventType":"a","payload":{},"payload":{}}', ['body.payload']],
    ])('answers 422 for %s', async (_, body, locs) => {
      const answer = await post(body);

      expect(answer.status).toBe(422);
      expect(problemsOf(answer)).toEqual(locs ?? ['body.transformationsParams.rawPayload']);
    });

    it('answers 413 for one byte more than the limit, and takes the limit', async () => {
      const message = (bytes: number): string => {
        const body = '{"eventType":"a","payload":{"a":""}}';
        return body.replace('""', `"${'x'.repeat(bytes - body.length)}"`);
      };

      expect((await post(message(4096))).status).toBe(202);
      expect(await post(message(4097))).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
    });

    it('answers 404 without an application, and for one of somebody else', async () => {
      const theirs = scene.server.token({ orgId: OTHER_ORGANIZATION });
      const body = { eventType: 'a', payload: {} };

      expect(await post(body, 'nowhere')).toMatchObject({ status: 404, body: { detail: 'Application not found' } });
      expect((await scene.call('POST', `/app/${appId}/msg`, body, {}, theirs)).status).toBe(404);
    });
  });

  describe('eventId', () => {
    it('is taken once in an application, and free in every other', async () => {
      const eventId = newEventId();
      const other = (await scene.svix.application.create({ name: 'other' })).id;

      expect((await post({ eventType: 'a', payload: {}, eventId })).status).toBe(202);
      expect(await post({ eventType: 'a', payload: {}, eventId })).toMatchObject({
        status: 409,
        body: { code: 'conflict' },
      });
      expect((await post({ eventType: 'a', payload: {}, eventId }, other)).status).toBe(202);
    });

    it('gives one 202 and one 409 to two posts at once', async () => {
      for (let round = 0; round < 10; round++) {
        const body = { eventType: 'a', payload: {}, eventId: newEventId() };
        const answers = await Promise.all([post(body), post(body)]);

        expect(answers.map((answer) => answer.status).sort()).toEqual([202, 409]);
      }
    });
  });

  describe('idempotency-key', () => {
    const withKey = (key: string, body: unknown = { eventType: 'a', payload: {} }, app = appId): Promise<ApiAnswer> =>
      post(body, app, { 'idempotency-key': key });

    it('gives the first answer again, whatever the body', async () => {
      const first = await withKey('again', { eventType: 'a', payload: { n: 1 } });
      const second = await withKey('again', { eventType: 'b', payload: { n: 2 } });

      expect(second.status).toBe(202);
      expect(second.text).toBe(first.text);
    });

    it('makes one message of 20 concurrent repetitions', async () => {
      const eventId = newEventId();
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => withKey('at-once', { eventType: 'a', payload: {}, eventId })),
      );

      expect(answers.map((answer) => answer.status)).toEqual(Array<number>(20).fill(202));
      expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1);
    });

    it('counts in one application only', async () => {
      const other = (await scene.svix.application.create({ name: 'other' })).id;
      const first = await withKey('shared');
      const second = await withKey('shared', undefined, other);

      expect(second.status).toBe(202);
      expect(second.body['id']).not.toBe(first.body['id']);
    });

    it('does not turn a conflict into a success', async () => {
      const eventId = newEventId();
      await post({ eventType: 'a', payload: {}, eventId });

      expect((await withKey('clash', { eventType: 'a', payload: {}, eventId })).status).toBe(409);
      expect((await withKey('clash', { eventType: 'a', payload: {}, eventId })).status).toBe(409);
      expect((await withKey('clash', { eventType: 'a', payload: {} })).status).toBe(409);
    });

    it('is not used up by a request that was refused', async () => {
      expect((await withKey('refused', { eventType: 'a' })).status).toBe(422);
      expect((await withKey('refused')).status).toBe(202);
    });

    it('answers 400 when it is longer than 512 characters', async () => {
      expect((await withKey('k'.repeat(512))).status).toBe(202);
      expect((await withKey('k'.repeat(513))).status).toBe(400);
    });
  });

  describe('get', () => {
    it.each([['msg_2mXLPKqXdU5bY8rVvY6jvBEuCbD'], ['nowhere'], ['a%00b'], ['a%ED%A0%80'], ['x'.repeat(300)]])(
      'answers 404 for %s',
      async (id) => {
        expect((await scene.call('GET', `/app/${appId}/msg/${id}`)).status).toBe(404);
      },
    );

    it('reads a payload that has expired as such, in every list too', async () => {
      const id = await scene.send(appId, { payload: { secret: 1 }, payloadRetentionHours: 1 });
      await scene.sql(`UPDATE message SET payload_expires_at = now() - interval '1 second' WHERE id = $1`, [id]);

      expect((await scene.ok('GET', `/app/${appId}/msg/${id}`))['payload']).toEqual({ expired: true });
      const page = await scene.ok('GET', `/app/${appId}/msg?limit=1`);
      expect(page['data']).toMatchObject([{ id, payload: { expired: true } }]);
    });

    it('keeps payloads for 90 days, or as long as the message says', async () => {
      const hoursOf = async (fields: Record<string, unknown>): Promise<number> => {
        const id = await scene.send(appId, fields);
        const [row] = await scene.sql<{ at: Date }>('SELECT payload_expires_at AS at FROM message WHERE id = $1', [id]);
        return Math.round(((row?.at.getTime() ?? 0) - Date.now()) / 3_600_000);
      };

      expect(await hoursOf({})).toBe(90 * 24);
      expect(await hoursOf({ payloadRetentionPeriod: 2 })).toBe(48);
      expect(await hoursOf({ payloadRetentionPeriod: 2, payloadRetentionHours: 5 })).toBe(5);
    });
  });
});
