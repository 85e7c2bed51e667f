import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook } from 'svix';
import { Webhook as WebhookV1 } from 'svix-v1';
import { parseVerificationKey, verifyWebhook } from '@libs/webhook-signing/webhook-signing';
import { type ReceivedRequest } from '../support/receiver';
import { type Customer, Scene } from '../support/scene';

const PRIVATE_KEY = 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
const PUBLIC_KEY = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=';
const OLD_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const NEW_SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

const headersOf = (request: ReceivedRequest): Record<string, string> => request.headers as Record<string, string>;

function verifiedBy(request: ReceivedRequest, ...keys: string[]): boolean {
  try {
    verifyWebhook({
      body: request.body,
      headers: request.headers,
      keys: keys.map((key) => parseVerificationKey(key)),
      nowSeconds: Date.now() / 1000,
    });
    return true;
  } catch {
    return false;
  }
}

describe('signing', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.start({ RETRY_SCHEDULE: '0.05,0.05' });
  }, 60_000);

  afterAll(() => scene.stop());

  async function sendTo(customer: Customer, payload: unknown = { test: 2432232314 }): Promise<ReceivedRequest> {
    const count = scene.receiver.requestsTo(customer.path).length;
    await scene.send(customer.appId, { payload });
    await scene.receiver.waitFor(() => scene.receiver.requestsTo(customer.path).length > count);
    return scene.receiver.requestsTo(customer.path)[count] as ReceivedRequest;
  }

  it('satisfies the verifiers of the SDKs and of Standard Webhooks', async () => {
    const customer = await scene.newCustomer();
    const request = await sendTo(customer);
    const body = request.body.toString();

    expect(customer.secret).toMatch(/^whsec_/);
    for (const webhook of [Webhook, WebhookV1, StandardWebhook].map((type) => new type(customer.secret))) {
      expect(() => webhook.verify(body, headersOf(request))).not.toThrow();
      expect(() => webhook.verify(`${body} `, headersOf(request))).toThrow();
    }
  });

  it('carries the same id, timestamp and signature under both names', async () => {
    const request = await sendTo(await scene.newCustomer());

    for (const part of ['id', 'timestamp', 'signature']) {
      expect(request.headers[`svix-${part}`]).toBe(request.headers[`webhook-${part}`]);
    }
    expect(request.headers['svix-id']).toMatch(/^msg_[0-9A-Za-z]{27}$/);
    expect(Math.abs(Number(request.headers['svix-timestamp']) - Date.now() / 1000)).toBeLessThan(10);
    expect(request.headers['svix-signature']).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/);
  });

  it('signs by ed25519 for an endpoint with such a key', async () => {
    const customer = await scene.newCustomer({ secret: PRIVATE_KEY });
    const request = await sendTo(customer);

    expect(customer.secret).toBe(PUBLIC_KEY);
    expect(request.headers['webhook-signature']).toMatch(/^v1a,[A-Za-z0-9+/]{86}==$/);
    expect(verifiedBy(request, PUBLIC_KEY)).toBe(true);
    expect(verifiedBy({ ...request, body: Buffer.from('{}') }, PUBLIC_KEY)).toBe(false);
  });

  it('signs with the old secret too until its grace period ends, the new one first', async () => {
    const customer = await scene.newCustomer({ secret: OLD_SECRET });
    const path = `/app/${customer.appId}/endpoint/${customer.endpointId}/secret/rotate`;
    await scene.ok('POST', path, { key: NEW_SECRET, gracePeriodSeconds: 1 });

    const during = await sendTo(customer);
    expect(String(during.headers['svix-signature']).split(' ')).toHaveLength(2);
    for (const secret of [OLD_SECRET, NEW_SECRET]) {
      expect(() => new Webhook(secret).verify(during.body.toString(), headersOf(during))).not.toThrow();
    }
    const [first] = String(during.headers['svix-signature']).split(' ');
    expect(verifiedBy({ ...during, headers: { ...during.headers, 'webhook-signature': first } }, NEW_SECRET)).toBe(
      true,
    );

    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const after = await sendTo(customer);
    expect(verifiedBy(after, NEW_SECRET)).toBe(true);
    expect(verifiedBy(after, OLD_SECRET)).toBe(false);
  });

  it('signs with keys of both kinds after a rotation from one to the other', async () => {
    const customer = await scene.newCustomer({ secret: OLD_SECRET });
    await scene.ok('POST', `/app/${customer.appId}/endpoint/${customer.endpointId}/secret/rotate`, {
      key: PRIVATE_KEY,
    });

    const request = await sendTo(customer);

    expect(request.headers['svix-signature']).toMatch(/^v1a,\S+ v1,\S+$/);
    expect(verifiedBy(request, PUBLIC_KEY)).toBe(true);
    expect(verifiedBy(request, OLD_SECRET)).toBe(true);
  });

  it('forgets the old secret at once without a grace period', async () => {
    const customer = await scene.newCustomer({ secret: OLD_SECRET });
    const path = `/app/${customer.appId}/endpoint/${customer.endpointId}/secret/rotate`;
    await scene.ok('POST', path, { key: NEW_SECRET, gracePeriodSeconds: 0 });

    expect(verifiedBy(await sendTo(customer), OLD_SECRET)).toBe(false);
  });

  it('keeps the id over retries, and signs each with its own time', async () => {
    const customer = await scene.newCustomer();
    scene.receiver.script(customer.path, [{ status: 500, delayMs: 1_100 }, { status: 500 }, {}]);

    await sendTo(customer);
    await scene.receiver.waitFor(() => scene.receiver.requestsTo(customer.path).length === 3);

    const requests = scene.receiver.requestsTo(customer.path);
    expect(new Set(requests.map((request) => request.headers['svix-id'])).size).toBe(1);
    expect(new Set(requests.map((request) => request.headers['svix-timestamp'])).size).toBeGreaterThan(1);
    expect(requests.every((request) => verifiedBy(request, customer.secret))).toBe(true);
  });

  it('sends POST with the headers of the protocol and the endpoint, the latter with the last word', async () => {
    const customer = await scene.newCustomer({ headers: { 'X-Tenant': 'blue', Accept: 'text/plain' } });
    const request = await sendTo(customer, { a: 'é' });

    expect(request.method).toBe('POST');
    expect(request.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': expect.stringMatching(/^Posthorn/),
      'x-tenant': 'blue',
      accept: 'text/plain',
      'content-length': String(Buffer.byteLength('{"a":"é"}')),
    });
    expect(request.headers['accept-encoding']).toBeUndefined();
  });

  it.each([
    ['svix', 'webhook'],
    ['webhook', 'svix'],
  ])('sends only the %s headers when it is set so', async (used, unused) => {
    const other = await Scene.start({ WEBHOOK_HEADERS: used, DEFAULT_SIGNATURE_TYPE: 'ed25519' });
    try {
      const customer = await other.newCustomer();
      await other.send(customer.appId);
      const [request] = await other.receiver.waitFor(1);

      expect(request?.headers[`${used}-signature`]).toMatch(/^v1a,/);
      expect(Object.keys(request?.headers ?? {}).filter((name) => name.startsWith(`${unused}-`))).toEqual([]);
      expect(request !== undefined && verifiedBy(request, customer.secret)).toBe(true);
    } finally {
      await other.stop();
    }
  });
});
