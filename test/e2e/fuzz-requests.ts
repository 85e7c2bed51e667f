import fc from 'fast-check';
import {
  type DocumentView,
  type ParameterView,
  type PlacedOperation,
  resolveSchema,
  type SchemaView,
} from './openapi-document';

/** A request to be sent as it is. */
export interface FuzzRequest {
  operation: PlacedOperation;
  /** Raw path with query, percent-encoded where it has to be. Names of known things stand in braces: `{app_id}`. */
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Whose token goes with it. */
  caller: Caller;
}

export const CALLERS = ['organization', 'application', 'otherOrganization', 'otherApplication', 'nobody'] as const;
export type Caller = (typeof CALLERS)[number];

const HOSTILE_TEXTS = [
  '\0',
  'a\0b',
  '\ud800',
  'a\udc00b',
  '\u202e',
  '../../etc/passwd',
  '..',
  '.',
  "'; DROP TABLE message; --",
  '%',
  '%00',
  '%s%n',
  '${jndi:x}',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  '-1',
  '1e400',
  '99999999999999999999',
  '9'.repeat(400),
  'a'.repeat(257),
  'a'.repeat(1025),
  'app_',
  'app_x',
  'ep_zzzzzzzzzzzzzzzzzzzzzzzzzzz',
  'msg_zzzzzzzzzzzzzzzzzzzzzzzzzzz',
  'atmpt_000000000000000000000000000',
  '-',
  '--',
  '-msg_000000000000000000000000000',
  '9999-12-31T23:59:59.999999999Z',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+23:59',
  '2026-02-30T00:00:00Z',
  'http://127.0.0.1:1/',
  'http://user:pass@127.0.0.1:1/?q#f',
  'http://[::1]:1/',
  'http://169.254.169.254/latest',
  'ftp://127.0.0.1/',
  'javascript:alert(1)',
  'http://',
  'whsec_',
  'whsec_AAAA',
  'whsk_' + 'A'.repeat(86) + '==',
];
/** As they stand in a path: what encodeURIComponent never makes. */
const HOSTILE_SEGMENTS = [
  '%ff',
  '%zz',
  '%',
  '%00',
  '%2e%2e',
  '%2F',
  '%c0%80',
  '%ed%a0%80',
  '..',
  ';',
  '@',
  '%20',
  '+',
  '*',
];
const HOSTILE_BODIES = [
  '',
  ' ',
  'null',
  'true',
  '0',
  '""',
  '[]',
  '[{}]',
  '{',
  '{}',
  '{} {}',
  '{"a":1}x',
  '\ufeff{}',
  '{"a":"\\ud800"}',
  '{"__proto__":{"name":"x"},"constructor":{"prototype":{}}}',
  '{"a":1e999,"b":-0}',
  '['.repeat(5000),
  '{"a":'.repeat(2000) + '1' + '}'.repeat(2000),
  '\0',
];

const hostileText = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
);
const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  {
    weight: 2,
    arbitrary: fc.constantFrom(null, true, false, 0, -1, 1.5, 65_536, 2 ** 53, 1e308, [], {}, [[]], [null]),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.dictionary(hostileText, hostileText, { maxKeys: 3 }) },
  { weight: 1, arbitrary: fc.array(hostileText, { maxLength: 12 }) },
);

/** Requests that are valid or nearly so, and hostile ones, to every operation of the document. */
export function fuzzRequests(document: DocumentView, operations: PlacedOperation[]): fc.Arbitrary<FuzzRequest> {
  return fc.constantFrom(...operations).chain((operation) => requestOf(document, operation));
}

function requestOf(document: DocumentView, operation: PlacedOperation): fc.Arbitrary<FuzzRequest> {
  const parameters = operation.parameters ?? [];
  const schema = operation.requestBody?.content['application/json']?.schema;
  return fc.record({
    operation: fc.constant(operation),
    path: fc.tuple(pathOf(operation), queryOf(document, parameters)).map(([path, query]) => path + query),
    headers: headers(),
    body:
      schema === undefined
        ? fc.option(fc.constantFrom(...HOSTILE_BODIES), { nil: undefined, freq: 10 })
        : bodyOf(document, schema),
    caller: fc.oneof(
      { weight: 6, arbitrary: fc.constant('organization' as const) },
      { weight: 2, arbitrary: fc.constantFrom(...CALLERS) },
    ),
  });
}

/** Mostly the known things, so that a request gets past the look-up. */
function pathOf(operation: PlacedOperation): fc.Arbitrary<string> {
  const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  const segment = (name: string): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(`{${name}}`, `{${name}.uid}`) },
      { weight: 1, arbitrary: fc.constant(`{other.${name}}`) },
      { weight: 1, arbitrary: fc.constantFrom(...HOSTILE_SEGMENTS) },
      { weight: 1, arbitrary: hostileText.filter((text) => text !== '').map(encode) },
    );
  return fc
    .tuple(fc.tuple(...names.map(segment)), fc.constantFrom('', '', '', '/'))
    .map(([segments, slash]) => operation.path.replace(/\{\w+\}/g, () => segments.shift() ?? '') + slash);
}

function queryOf(document: DocumentView, parameters: ParameterView[]): fc.Arbitrary<string> {
  const known = parameters.filter((parameter) => parameter.in === 'query');
  const field = (parameter: ParameterView): fc.Arbitrary<readonly string[]> => {
    const valid = fromSchema(document, parameter.schema).map((value) => `${parameter.name}=${encode(String(value))}`);
    const hostile = fc
      .oneof(hostileText.map(encode), fc.constantFrom(...HOSTILE_SEGMENTS))
      .map((text) => `${parameter.name}=${text}`);
    return fc.oneof(
      { weight: 40, arbitrary: fc.constant([]) },
      { weight: 3, arbitrary: valid.map((text) => [text]) },
      { weight: 1, arbitrary: hostile.map((text) => [text]) },
      { weight: 1, arbitrary: fc.tuple(valid, valid).map((texts) => texts) },
      {
        weight: 1,
        arbitrary: fc.constantFrom('', '[]', '[0]', '[x]', '[__proto__]').map((end) => [`${parameter.name}${end}=1`]),
      },
    );
  };
  const junk = fc.oneof(
    { weight: 18, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.tuple(hostileText, hostileText).map(([name, value]) => [`${encode(name)}=${encode(value)}`]),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('&&&', '=', '=&=', '__proto__=1', 'constructor[prototype]=1', '%ff=%ff')
        .map((text) => [text]),
    },
  );
  return fc.tuple(...known.map(field), junk).map((groups) => {
    const fields = groups.flat();
    return fields.length === 0 ? '' : `?${fields.join('&')}`;
  });
}

function headers(): fc.Arbitrary<Record<string, string>> {
  const value = fc.oneof(
    fc.constantFrom('', 'a'.repeat(600), '__proto__', 'key'),
    fc.string({ maxLength: 20 }).map((text) => text.replace(/[^\x21-\x7e]/g, '')),
  );
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: value.map((text) => ({ 'idempotency-key': text })) },
    { weight: 1, arbitrary: value.map((text) => ({ 'x-request-id': text })) },
    { weight: 1, arbitrary: value.map((text) => ({ 'content-type': text })) },
    { weight: 1, arbitrary: value.map((text) => ({ 'user-agent': `svix-libs/${text}` })) },
  );
}

function bodyOf(document: DocumentView, given: SchemaView): fc.Arbitrary<string | undefined> {
  const schema = resolveSchema(document, given);
  const names = Object.keys(schema.properties ?? {});
  const valid = fromSchema(document, schema) as fc.Arbitrary<Record<string, unknown>>;
  const replaced = fc
    .tuple(valid, fc.constantFrom(...names), hostileValue)
    .map(([body, name, value]) => JSON.stringify({ ...body, [name]: value }));
  const removed = fc
    .tuple(valid, fc.constantFrom(...names))
    .map(([body, name]) => JSON.stringify({ ...body, [name]: undefined }));
  const added = fc
    .tuple(
      valid,
      fc.oneof(hostileText, fc.constantFrom('rateLimit', 'filterTypes', 'data', 'featureFlag', '__proto__')),
      hostileValue,
    )
    .map(
      ([body, name, value]) =>
        `{${JSON.stringify(name)}:${JSON.stringify(value ?? null)},${JSON.stringify(body).slice(1)}`,
    );
  const cut = fc.tuple(valid, fc.nat(200)).map(([body, length]) => JSON.stringify(body).slice(0, length));
  return fc.oneof(
    { weight: 6, arbitrary: valid.map((body) => JSON.stringify(body)) },
    { weight: 8, arbitrary: replaced },
    { weight: 1, arbitrary: removed },
    { weight: 2, arbitrary: added },
    { weight: 1, arbitrary: cut },
    { weight: 1, arbitrary: fc.constantFrom(...HOSTILE_BODIES) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );
}

function fromSchema(document: DocumentView, given: SchemaView): fc.Arbitrary<unknown> {
  const schema = resolveSchema(document, given);
  if (schema.anyOf !== undefined) {
    return fc.oneof(...schema.anyOf.map((option) => fromSchema(document, option)));
  }
  if (schema.enum !== undefined) {
    return fc.constantFrom(...schema.enum);
  }
  const types = [schema.type ?? []].flat();
  return fc.oneof(...types.map((type) => ofType(document, schema, type)));
}

function ofType(document: DocumentView, schema: SchemaView, type: string): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 1000 });
    case 'array':
      return fc.array(fromSchema(document, schema.items ?? {}), { minLength: 1, maxLength: 3 });
    case 'object':
      return ofObject(document, schema);
    default:
      return textOf(schema);
  }
}

function ofObject(document: DocumentView, schema: SchemaView): fc.Arbitrary<unknown> {
  if (schema.properties === undefined) {
    const example = fc.constant(schema.example ?? {});
    const text =
      typeof schema.additionalProperties === 'object' ? fc.string({ maxLength: 10 }) : fc.jsonValue({ maxDepth: 2 });
    return fc.oneof(example, fc.dictionary(fc.string({ minLength: 1, maxLength: 10 }), text, { maxKeys: 3 }));
  }
  const entries = Object.entries(schema.properties).map(
    ([name, property]) => [name, fromSchema(document, property)] as const,
  );
  const required = new Set(schema.required ?? []);
  return fc.record(Object.fromEntries(entries), { requiredKeys: [...required] });
}

/** No name of the internet: nothing may leave this machine. */
function textOf(schema: SchemaView): fc.Arbitrary<unknown> {
  if (schema.format === 'uri') {
    return fc.constantFrom('http://127.0.0.1:1/a', 'http://127.0.0.1:1/b?c=d');
  }
  if (schema.format === 'date-time') {
    return fc
      .date({ min: new Date(0), noInvalidDate: true, max: new Date('2100-01-01') })
      .map((date) => date.toISOString());
  }
  const name = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.'), minLength: 1, maxLength: 12 });
  return schema.example === undefined
    ? fc.oneof(name, fc.string({ maxLength: 20 }))
    : fc.oneof(fc.constant(schema.example), name);
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
