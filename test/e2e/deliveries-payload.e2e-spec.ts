import { type Customer, Scene } from '../support/scene';

/** JSON objects that a parser and a serializer would change. */
const PAYLOADS: [string, string][] = [
  ['keys that are not sorted', '{"z":1,"a":2,"10":3,"9":4}'],
  ['spacing', '{ "a" :\t1 ,\r\n "b": [ ] }'],
  ['an infinite number', '{"n":1e400,"m":-1e400}'],
  ['numbers of many digits', '{"n":12345678901234567890.123456789012345678901234567890,"z":-0,"e":1E+2}'],
  ['escapes', '{"a":"\\u00e9\\u0041\\/\\b\\f\\n\\r\\t\\"\\\\","\\u0061b":1}'],
  ['lone surrogate escapes', '{"a":"\\ud800","\\udfff":"\\udc00\\ud800"}'],
  ['an escaped NUL', '{"a":"\\u0000"}'],
  ['text beyond ASCII', '{"a":"é漢😀\u2028\u2029","😀":null}'],
  ['doubled keys inside', '{"a":1,"a":2,"payload":{"a":3,"a":4}}'],
  ['a key named __proto__', '{"__proto__":{"a":1},"constructor":{"prototype":2}}'],
  ['nothing', '{}'],
];

describe('payloads', () => {
  let scene: Scene;
  let customer: Customer;

  beforeAll(async () => {
    scene = await Scene.start();
    customer = await scene.newCustomer();
  }, 60_000);

  afterAll(() => scene.stop());

  /** Posts a body and returns the answered text together with the body that arrived. */
  async function deliver(body: string): Promise<{ id: string; answered: string; arrived: string }> {
    const answer = await scene.call<{ id: string }>('POST', `/app/${customer.appId}/msg`, body);
    expect(answer.status).toBe(202);
    const { id } = answer.body;
    const arrived = await scene.receiver.waitFor((all) => all.some((request) => request.headers['svix-id'] === id));
    const request = arrived.find(({ headers }) => headers['svix-id'] === id);
    return { id, answered: answer.text, arrived: request?.body.toString('utf8') ?? '' };
  }

  async function readBack(id: string): Promise<string> {
    return (await scene.call('GET', `/app/${customer.appId}/msg/${id}`)).text;
  }

  it.each(PAYLOADS)('arrive byte for byte and read back so: %s', async (_, payload) => {
    const { id, answered, arrived } = await deliver(`{"eventType":"a", "payload" : ${payload} ,"tags":["t"]}`);

    expect(arrived).toBe(payload);
    expect(answered).toContain(`"payload":${payload},`);
    expect(await readBack(id)).toContain(`"payload":${payload},`);
  });

  it.each([
    ['100,000 arrays deep', 100_000, '[', ']'],
    ['100,000 objects deep', 100_000, '{"a":', '}'],
  ])('arrive byte for byte: nested %s', async (_, depth, open, close) => {
    const payload = `{"a":${open.repeat(depth)}${open === '[' ? '' : '1'}${close.repeat(depth)}}`;
    const { id, arrived } = await deliver(`{"eventType":"a","payload":${payload}}`);

    expect(arrived === payload).toBe(true);
    expect((await readBack(id)).includes(payload)).toBe(true);
  });

  it('arrive whole at the largest size', async () => {
    const frame = '{"eventType":"a","payload":{"a":""}}';
    const payload = `{"a":"${'é'.repeat((2_097_152 - frame.length) / 2)}"}`;
    const { arrived } = await deliver(`{"eventType":"a","payload":${payload}}`);

    expect(arrived === payload).toBe(true);
  });

  it('may be called data', async () => {
    const { answered, arrived } = await deliver('{"data": {"b":1, "a":2},"eventType":"a"}');

    expect(arrived).toBe('{"b":1, "a":2}');
    expect(answered).toContain('"payload":{"b":1, "a":2},');
  });

  it('are found among members whose names and texts look like theirs', async () => {
    const { arrived } = await deliver(
      '{"note":"\\"payload\\":{\\\\","pay\\u006coad":{"real":true},"x":{"payload":{"no":1}},"eventType":"a"}',
    );

    expect(arrived).toBe('{"real":true}');
  });

  it.each([
    ['a JSON object', '{"b":1, "a":1e400}', '{"b":1, "a":1e400}'],
    ['a list', '[1, 2]', '{"rawPayload":"[1, 2]"}'],
    ['XML', '<a href="b">é</a>', '{"rawPayload":"<a href=\\"b\\">é</a>"}'],
    ['a broken object', '{"a":', '{"rawPayload":"{\\"a\\":"}'],
    ['a NUL', 'a\0b', '{"rawPayload":"a\\u0000b"}'],
    ['nothing', '', '{"rawPayload":""}'],
  ])('arrive as the rawPayload that was given: %s', async (_, raw, shown) => {
    const body = { eventType: 'a', payload: {}, transformationsParams: { rawPayload: raw } };
    const { id, answered, arrived } = await deliver(JSON.stringify(body));

    expect(arrived).toBe(raw);
    expect(answered).toContain(`"payload":${shown},`);
    expect(await readBack(id)).toContain(`"payload":${shown},`);
  });

  it('of another kind than JSON can be sent again', async () => {
    const body = { eventType: 'a', payload: {}, transformationsParams: { rawPayload: 'not JSON' } };
    const { id } = await deliver(JSON.stringify(body));

    const path = `/app/${customer.appId}/msg/${id}/endpoint/${customer.endpointId}/resend`;
    expect((await scene.call('POST', path)).status).toBe(202);
    const isIt = (request: { headers: Record<string, unknown> }): boolean => request.headers['svix-id'] === id;
    const all = await scene.receiver.waitFor((requests) => requests.filter(isIt).length === 2);
    expect(all.filter(isIt).map((request) => request.body.toString())).toEqual(['not JSON', 'not JSON']);
  });

  it.each([
    [
      'a lone surrogate in rawPayload',
      '{"eventType":"a","payload":{},"transformationsParams":{"rawPayload":"\\ud800"}}',
    ],
    ['bytes that are not UTF-8', Buffer.from('{"eventType":"a","payload":{"a":"\xff"}}', 'latin1')],
  ])('answers 422 for %s', async (_, body) => {
    const response = await fetch(`${scene.server.url}/api/v1/app/${customer.appId}/msg`, {
      method: 'POST',
      headers: { authorization: `Bearer ${scene.server.token()}` },
      body,
    });

    expect(response.status).toBe(422);
  });
});
