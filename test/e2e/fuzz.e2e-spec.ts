import { Agent, request } from 'node:http';
import fc from 'fast-check';
import { callApi } from '../support/api';
import { startTestApp, type TestApp } from '../support/test-app';
import { type Caller, type FuzzRequest, fuzzRequests } from './fuzz-requests';
import { type DocumentView, operationsOf, problemsOfValue, readDocument } from './openapi-document';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 20);
const OTHER_ORGANIZATION = 'org_2mXLPKqXdU5bY8rVvY6jvBEuCbD';

interface Answer {
  status: number;
  type: string;
  text: string;
}

/** Names of things that exist, by the name of their path parameter. */
type Things = Record<string, string>;

/** Any request gets an answer that the document describes. `FUZZ_SECONDS` prolongs it, `FUZZ_SEED` repeats a run. */
describe('any request', () => {
  const agent = new Agent({ keepAlive: true });
  let server: TestApp;
  let document: DocumentView;
  let own: Things;
  let others: Things;
  let tokens: Record<Caller, string | undefined>;

  beforeAll(async () => {
    document = readDocument();
    server = await startTestApp({
      RATE_LIMIT_PER_TOKEN: '1000000',
      RATE_LIMIT_PER_ADDRESS: '1000000',
      RETRY_SCHEDULE: '3600',
    });
    others = await makeThings(OTHER_ORGANIZATION);
    await renew();
  }, 60_000);

  afterAll(async () => {
    agent.destroy();
    await server.stop();
  }, 20_000);

  /** New things for the requests to come, because the ones before may have deleted the old ones. */
  async function renew(): Promise<void> {
    own = await makeThings();
    tokens = {
      organization: server.token(),
      application: server.token({ appId: own['app_id'] }),
      otherOrganization: server.token({ orgId: OTHER_ORGANIZATION }),
      otherApplication: server.token({ orgId: OTHER_ORGANIZATION, appId: others['app_id'] }),
      nobody: undefined,
    };
  }

  let counter = 0;

  async function makeThings(orgId?: string): Promise<Things> {
    const token = server.token({ orgId });
    const uid = `uid-${(counter += 1)}`;
    const create = async (path: string, body: unknown): Promise<string> => {
      const answer = await callApi<{ id: string }>(server.url, token, 'POST', path, body);
      expect(answer.status).toBeLessThan(300);
      return answer.body.id;
    };
    const app = await create('/app', { name: uid, uid });
    await create('/event-type', { name: uid, description: uid });
    const endpoint = await create(`/app/${app}/endpoint`, { url: 'http://127.0.0.1:1/', uid });
    const message = await create(`/app/${app}/msg`, { eventType: uid, eventId: uid, payload: { a: 1 } });
    const things = {
      app_id: app,
      endpoint_id: endpoint,
      msg_id: message,
      attempt_id: await attemptOf(token, app, message),
    };
    const uids = Object.fromEntries(Object.keys(things).map((name) => [`${name}.uid`, uid]));
    return { ...things, ...uids, event_type_name: uid, 'event_type_name.uid': uid };
  }

  async function attemptOf(token: string, app: string, message: string): Promise<string> {
    for (let tries = 0; tries < 500; tries++) {
      const page = await callApi<{ data: { id: string }[] }>(
        server.url,
        token,
        'GET',
        `/app/${app}/attempt/msg/${message}`,
      );
      const [attempt] = page.body.data;
      if (attempt !== undefined) {
        return attempt.id;
      }
    }
    throw new Error('The message was not attempted.');
  }

  function pathOf(fuzz: FuzzRequest): string {
    return fuzz.path.replace(/\{(other\.)?([\w.]+)\}/g, (_, other: string | undefined, name: string) => {
      const things = other === undefined ? own : others;
      return things[name] ?? name;
    });
  }

  function send(fuzz: FuzzRequest): Promise<Answer> {
    const token = tokens[fuzz.caller];
    const body = fuzz.body === undefined ? undefined : Buffer.from(fuzz.body);
    const headers = {
      ...fuzz.headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-length': String(body.length) }),
    };
    return new Promise((resolve, reject) => {
      const options = { agent, method: fuzz.operation.method, headers, path: pathOf(fuzz), timeout: 10_000 };
      const outgoing = request(server.url, options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            text: Buffer.concat(chunks).toString(),
          }),
        );
        response.on('error', reject);
      });
      outgoing.on('error', reject);
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 10 s')));
      outgoing.end(body);
    });
  }

  function check(fuzz: FuzzRequest, answer: Answer): void {
    const { operation } = fuzz;
    const described = operation.responses[String(answer.status)];
    const shown = `${operation.method} ${pathOf(fuzz)} answered ${answer.status}: ${answer.text.slice(0, 300)}`;
    if (answer.status >= 500 || described === undefined) {
      throw new Error(`${shown}\nThe document has ${Object.keys(operation.responses).join(', ')}`);
    }
    const [type, content] = Object.entries(described.content ?? {})[0] ?? [];
    if (type === undefined || content === undefined) {
      expect(answer.text).toBe('');
      return;
    }
    expect(answer.type).toMatch(type);
    if (type === 'application/json') {
      expect({ shown, problems: problemsOfValue(document, content.schema, JSON.parse(answer.text)) }).toEqual({
        shown,
        problems: [],
      });
    }
  }

  it(
    'is answered as the document says, and never with 500',
    async () => {
      const statuses = new Map<string, Set<number>>();
      const operations = operationsOf(document);
      await fc.assert(
        fc.asyncProperty(fuzzRequests(document, operations), async (fuzz) => {
          const answer = await send(fuzz);
          check(fuzz, answer);
          const { method, operationId } = fuzz.operation;
          statuses.set(operationId, (statuses.get(operationId) ?? new Set()).add(answer.status));
          if (method === 'DELETE' && answer.status === 204) {
            await renew();
          }
        }),
        {
          numRuns: 10_000_000,
          interruptAfterTimeLimit: SECONDS * 1000,
          seed: process.env['FUZZ_SEED'] === undefined ? Date.now() | 0 : Number(process.env['FUZZ_SEED']),
        },
      );
      // Requests that are always refused would prove nothing.
      const unreached = operations.filter(
        ({ operationId }) => ![...(statuses.get(operationId) ?? [])].some((status) => status < 300),
      );
      expect(unreached.map(({ operationId }) => operationId)).toEqual([]);
    },
    SECONDS * 1000 + 60_000,
  );
});
