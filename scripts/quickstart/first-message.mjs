import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { Svix } from 'svix';
import { dim, Failure, green, line, red } from '../support/terminal.mjs';

export const APPLICATION_UID = 'quickstart';
export const EVENT_TYPE = 'invoice.paid';
const ENDPOINT_UID = 'quickstart-receiver';
const PAYLOAD = { type: EVENT_TYPE, invoice: 'in_1042', amount: 4200, currency: 'EUR' };
const ATTEMPT_TIMEOUT_MS = 5_000;
const POLL_MS = 20;

/** The official SDK, with nothing but the address of the server changed. */
export function connect(serverUrl, token) {
  return new Svix(token, { serverUrl, requestTimeout: 10_000 });
}

/** Registers a customer and its endpoint, which may exist from the last time, and posts a message to it. */
export async function sendFirstMessage(svix, receiverUrl) {
  try {
    await svix.eventType.upsert(EVENT_TYPE, { description: 'A customer has paid an invoice' });
    await svix.application.getOrCreate({ name: 'Quickstart', uid: APPLICATION_UID });
    await svix.endpoint.upsert(APPLICATION_UID, ENDPOINT_UID, {
      uid: ENDPOINT_UID,
      url: receiverUrl,
      description: 'The receiver of npm run quickstart',
      eventTypes: [EVENT_TYPE],
    });
    const { key } = await svix.endpoint.getSecret(APPLICATION_UID, ENDPOINT_UID);
    const { id } = await svix.message.create(APPLICATION_UID, { eventType: EVENT_TYPE, payload: PAYLOAD });
    return { messageId: id, secret: key };
  } catch (error) {
    throw new Failure('The API refused a call.', describe(error));
  }
}

/** Verifies a webhook as its receiver would; throws a `Failure` when the signature is wrong. */
export function verify({ body, headers }, secret) {
  try {
    new Webhook(secret).verify(body, headers);
  } catch (error) {
    throw new Failure('The signature is wrong.', `${error.message}\n${JSON.stringify(headers, null, 2)}\n${body}`);
  }
}

/** The attempt as the API tells it; recording goes on beside the delivery, so it may be there a moment later. */
export async function recordedAttempt(svix, { messageId }) {
  const deadline = Date.now() + ATTEMPT_TIMEOUT_MS;
  for (;;) {
    const { data } = await svix.messageAttempt.listByMsg(APPLICATION_UID, messageId);
    const attempt = data.find(({ status }) => status === 0);
    if (attempt !== undefined) {
      return attempt;
    }
    if (Date.now() > deadline) {
      throw new Failure(`The API shows no successful attempt of ${messageId}.`, JSON.stringify(data, null, 2));
    }
    await sleep(POLL_MS);
  }
}

/** What the API knows about a message that did not arrive. */
export async function explainSilence(svix, { messageId }) {
  try {
    const { data } = await svix.messageAttempt.listByMsg(APPLICATION_UID, messageId);
    return data.length === 0
      ? `No attempt of ${messageId} is recorded.`
      : data.map(({ url, responseStatusCode, response }) => `${url} ${responseStatusCode} ${response}`).join('\n');
  } catch (error) {
    return describe(error);
  }
}

/** Prints one line for a webhook that came while the server is being played with. */
export function showVerdict({ headers, body }, secret) {
  const time = dim(new Date().toLocaleTimeString('en-GB'));
  try {
    new Webhook(secret).verify(body, headers);
    line(`  ${time}  ${green('verified')}  ${headers['webhook-id'] ?? headers['svix-id']}  ${body}`);
  } catch (error) {
    line(`  ${time}  ${red(error.message)}  ${body}`);
  }
}

function describe(error) {
  return error.code === undefined || error.body === undefined
    ? String(error.cause ?? error)
    : `${error.code} ${typeof error.body === 'string' ? error.body : JSON.stringify(error.body)}`;
}
