import fc from 'fast-check';
import { ValidationFailedError } from '@/common/app-error';
import { parseMessage, type ParsedMessage } from './parse-message';

const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 24 * 3600 * 1000;

function parse(text: string): ParsedMessage {
  return parseMessage({ value: JSON.parse(text) as unknown, text }, NOW_MS);
}

function problemsOf(work: () => unknown): string[] {
  try {
    work();
    return [];
  } catch (error) {
    if (!(error instanceof ValidationFailedError)) {
      throw error;
    }
    return error.problems.map(({ loc }) => loc.join('.'));
  }
}

const names = fc.stringMatching(/^[a-zA-Z0-9\-_.]{1,128}$/);
const spaces = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
const payloads = fc.json({ depthSize: 'medium' }).map((json) => `{"v":${json}}`);
const stringsOfCode = fc.string({ unit: 'binary' });

describe('parseMessage', () => {
  it('takes the payload byte for byte, wherever it stands and whatever surrounds it', () => {
    const others = fc.dictionary(
      stringsOfCode.filter((key) => !['payload', 'data', 'transformationsParams'].includes(key)),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(
        payloads,
        others,
        fc.nat(),
        fc.constantFrom('payload', 'data'),
        spaces,
        (payload, rest, at, name, s) => {
          const members = Object.entries({ ...rest, eventType: 'a', eventId: null, channels: null, tags: null })
            .filter(([key]) => !/^(application|payloadRetention.*|deliverAt)$/.test(key))
            .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
          members.splice(at % (members.length + 1), 0, `${s}"${name}"${s}:${s}${payload}${s}`);

          const parsed = parse(`${s}{${members.join(',')}}${s}`);
          expect(parsed.payload.toString('utf8')).toBe(payload);
          expect(parsed.isJsonObject).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('takes a rawPayload as the bytes of its text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (rawPayload) => {
        const parsed = parse(JSON.stringify({ eventType: 'a', payload: {}, transformationsParams: { rawPayload } }));
        expect(parsed.payload.equals(Buffer.from(rawPayload))).toBe(true);
      }),
    );
  });

  it('knows of a rawPayload whether it is a JSON object', () => {
    const isObject = (rawPayload: string): boolean =>
      parse(JSON.stringify({ eventType: 'a', payload: {}, transformationsParams: { rawPayload } })).isJsonObject;

    expect([' {"a":1}', '{}'].map(isObject)).toEqual([true, true]);
    expect(['[1]', '"{}"', '1', 'null', '', '{', '{} {}', '\ufeff{}'].map(isObject)).toEqual(Array(8).fill(false));
  });

  it('ignores other transformationsParams', () => {
    const params = ['null', '{}', '{"rawPayload":null}', '{"headers":{}}'];
    for (const text of params) {
      expect(parse(`{"eventType":"a","payload":{"b":1},"transformationsParams":${text}}`).payload.toString()).toBe(
        '{"b":1}',
      );
    }
  });

  it('keeps names as they are given, without duplicates', () => {
    fc.assert(
      fc.property(names, fc.array(names, { minLength: 1, maxLength: 5 }), (eventType, channels) => {
        const parsed = parse(JSON.stringify({ eventType, channels, tags: channels, payload: {} }));
        expect(parsed).toMatchObject({ eventType, channels: [...new Set(channels)], tags: [...new Set(channels)] });
      }),
    );
  });

  it('never lets a name through that would break the columns it travels in', () => {
    fc.assert(
      fc.property(stringsOfCode, (name) => {
        const body = { eventType: name, eventId: name, channels: [name], tags: [name], payload: {} };
        const problems = problemsOf(() => parse(JSON.stringify(body)));
        const isName = /^[a-zA-Z0-9\-_.]{1,128}$/.test(name);
        expect(problems.includes('body.channels')).toBe(!isName);
        expect(problems.includes('body.eventType')).toBe(!isName && !/^[a-zA-Z0-9\-_.]{129,256}$/.test(name));
      }),
      { examples: [['a,b'], ['a;b'], [''], ['a\0'], ['msg_x'], ['é']] },
    );
  });

  it('ends in a message or in a list of problems, whatever JSON comes', () => {
    const fields = fc.record(
      {
        eventType: fc.jsonValue(),
        payload: fc.jsonValue(),
        data: fc.jsonValue(),
        eventId: fc.jsonValue(),
        channels: fc.jsonValue(),
        tags: fc.jsonValue(),
        deliverAt: fc.jsonValue(),
        payloadRetentionPeriod: fc.jsonValue(),
        payloadRetentionHours: fc.jsonValue(),
        transformationsParams: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fields, fc.jsonValue()), (body) => {
        problemsOf(() => parse(JSON.stringify(body)));
      }),
      { numRuns: 500 },
    );
  });

  it('reads the times and periods, hours before days', () => {
    const withFields = (fields: object): ParsedMessage =>
      parse(JSON.stringify({ eventType: 'a', payload: {}, ...fields }));

    expect(withFields({}).retentionMs).toBe(90 * DAY_MS);
    expect(withFields({ payloadRetentionPeriod: 1 }).retentionMs).toBe(DAY_MS);
    expect(withFields({ payloadRetentionPeriod: 1, payloadRetentionHours: 2160 }).retentionMs).toBe(90 * DAY_MS);
    expect(withFields({ deliverAt: '2026-01-01T01:00:00.5+01:00' }).deliverAtMs).toBe(NOW_MS + 500);
    expect(withFields({ deliverAt: '2025-12-31T23:59:59Z' }).deliverAtMs).toBeNull();
    expect(withFields({ deliverAt: '2026-01-02T00:00:00Z' }).deliverAtMs).toBe(NOW_MS + DAY_MS);
    expect(problemsOf(() => withFields({ deliverAt: '2026-01-02T00:00:01Z' }))).toEqual(['body.deliverAt']);
  });

  it.each([
    ['a field twice', '{"eventType":"a","payload":{},"eventType":"b"}', 'body.eventType'],
    ['a field twice in disguise', '{"eventType":"a","payload":{},"p\\u0061yload":{}}', 'body.payload'],
    ['both names of the payload', '{"eventType":"a","payload":{},"data":{}}', 'body.payload'],
    ['no payload', '{"eventType":"a"}', 'body.payload'],
    [
      'a lone surrogate in rawPayload',
      '{"eventType":"a","payload":{},"transformationsParams":{"rawPayload":"\\ud800"}}',
      'body.transformationsParams.rawPayload',
    ],
  ])('refuses %s', (_, text, problem) => {
    expect(problemsOf(() => parse(text))).toEqual([problem]);
  });
});
