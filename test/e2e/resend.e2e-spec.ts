import { eventually } from '../support/eventually';
import { type ApiAnswer } from '../support/api';
import { type AttemptView, type Customer, Scene } from '../support/scene';

jest.setTimeout(30_000);

describe('resend', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.start({ RETRY_SCHEDULE: '1,1' });
    await scene.svix.eventType.create({ name: 'invoice.sent', description: '' });
  }, 60_000);

  afterAll(() => scene.stop());

  const resend = ({ appId, endpointId }: Customer, messageId: string): Promise<ApiAnswer> =>
    scene.call('POST', `/app/${appId}/msg/${messageId}/endpoint/${endpointId}/resend`);

  const attemptsWhen = (count: number, { appId }: Customer, id: string): Promise<AttemptView[]> =>
    eventually(async () => {
      const attempts = await scene.attempts(appId, id);
      expect(attempts).toHaveLength(count);
      return attempts;
    }, 10_000);

  const pendingOf = (messageId: string): Promise<unknown[]> =>
    scene.sql('SELECT is_manual FROM pending_delivery WHERE message_id = $1', [messageId]);

  it.concurrent('makes one more attempt, which is marked as manual', async () => {
    const customer = await scene.newCustomer();
    const id = await scene.send(customer.appId);
    await attemptsWhen(1, customer, id);

    expect(await resend(customer, id)).toMatchObject({ status: 202, body: {} });
    const attempts = await attemptsWhen(2, customer, id);
    expect(attempts.map(({ triggerType, status }) => [triggerType, status])).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(await pendingOf(id)).toEqual([]);
  });

  it.concurrent('works by eventId, endpoint uid and both SDK generations', async () => {
    const customer = await scene.newCustomer({ uid: 'the-endpoint' });
    const id = await scene.send(customer.appId, { eventId: 'the-event' });
    await attemptsWhen(1, customer, id);

    await scene.svix.messageAttempt.resend(customer.appId, 'the-event', 'the-endpoint');
    await attemptsWhen(2, customer, id);
  });

  it.concurrent('that fails is not repeated, and the automatic retries go on beside it', async () => {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, { status: 500 });
    const id = await scene.send(customer.appId);
    await attemptsWhen(1, customer, id);
    await resend(customer, id);

    const attempts = await attemptsWhen(4, customer, id);
    expect(attempts.map((attempt) => attempt.triggerType)).toEqual([0, 1, 0, 0]);
    await eventually(async () => expect(await pendingOf(id)).toEqual([]));
    expect(scene.receiver.requestsTo(customer.path)).toHaveLength(4);
  });

  it.concurrent('works again after the schedule has ended', async () => {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, [{ status: 500 }, { status: 500 }, { status: 500 }, {}]);
    const id = await scene.send(customer.appId);
    await attemptsWhen(3, customer, id);

    await resend(customer, id);
    expect((await attemptsWhen(4, customer, id))[3]).toMatchObject({ triggerType: 1, status: 0 });
  });

  it.concurrent('never runs beside another attempt of the same message and endpoint', async () => {
    const customer = await scene.newCustomer();
    let atOnce = 0;
    let most = 0;
    scene.receiver.script(customer.path, async () => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      atOnce -= 1;
      return { status: 500 };
    });
    const id = await scene.send(customer.appId);
    await scene.receiver.waitFor(() => scene.receiver.requestsTo(customer.path).length === 1);
    await Promise.all([resend(customer, id), resend(customer, id)]);

    const attempts = await attemptsWhen(4, customer, id);
    expect(attempts.filter((attempt) => attempt.triggerType === 1)).toHaveLength(1);
    expect(most).toBe(1);
  });

  it.concurrent('ignores the filters of the endpoint, but not that it is disabled', async () => {
    const customer = await scene.newCustomer({ eventTypes: ['invoice.sent'], channels: ['red'] });
    const id = await scene.send(customer.appId);
    await resend(customer, id);
    await attemptsWhen(1, customer, id);

    await scene.ok('PATCH', `/app/${customer.appId}/endpoint/${customer.endpointId}`, { disabled: true });
    expect((await resend(customer, id)).status).toBe(202);
    await eventually(async () => expect(await pendingOf(id)).toEqual([]));
    expect(scene.receiver.requestsTo(customer.path)).toHaveLength(1);
  });

  it.concurrent('signs with the secrets of now', async () => {
    const customer = await scene.newCustomer();
    const id = await scene.send(customer.appId);
    await attemptsWhen(1, customer, id);
    const rotate = `/app/${customer.appId}/endpoint/${customer.endpointId}/secret/rotate`;
    await scene.ok('POST', rotate, { gracePeriodSeconds: 60 });
    await resend(customer, id);

    await attemptsWhen(2, customer, id);
    const [first, second] = scene.receiver.requestsTo(customer.path);
    expect(String(first?.headers['svix-signature']).split(' ')).toHaveLength(1);
    expect(String(second?.headers['svix-signature']).split(' ')).toHaveLength(2);
  });

  it.concurrent('answers 400 missing_payload when the content is gone, and the retries end', async () => {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, { status: 500 });
    const id = await scene.send(customer.appId);
    await attemptsWhen(1, customer, id);
    await scene.sql(`UPDATE message SET payload_expires_at = now() WHERE id = $1`, [id]);

    expect(await resend(customer, id)).toMatchObject({ status: 400, body: { code: 'missing_payload' } });
    await eventually(async () => expect(await pendingOf(id)).toEqual([]));
    expect(await scene.attempts(customer.appId, id)).toHaveLength(1);
  });

  it.concurrent('answers 404 for what is not there', async () => {
    const customer = await scene.newCustomer();
    const id = await scene.send(customer.appId);

    expect((await resend({ ...customer, endpointId: 'nobody' }, id)).status).toBe(404);
    expect((await resend(customer, 'nothing')).status).toBe(404);
    expect((await resend({ ...customer, appId: 'nowhere' }, id)).status).toBe(404);
  });
});
