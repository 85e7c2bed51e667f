import {
  type DocumentView,
  operationsOf,
  type PlacedOperation,
  readDocument,
  resolveSchema,
  type SchemaView,
} from './openapi-document';

/**
 * What the published Svix SDKs call and read, as far as this version serves it: operation, its success statuses, and the
 * fields that they fail without.
 */
const APPLICATION = ['id', 'name', 'metadata', 'createdAt', 'updatedAt'];
const ENDPOINT = ['id', 'url', 'description', 'metadata', 'createdAt', 'updatedAt', 'version'];
const EVENT_TYPE = ['name', 'description', 'deprecated', 'createdAt', 'updatedAt'];
const MESSAGE = ['id', 'eventType', 'payload', 'timestamp'];
const ATTEMPT = [
  ...['id', 'msgId', 'endpointId', 'url', 'response', 'responseStatusCode', 'responseDurationMs'],
  ...['status', 'statusText', 'triggerType', 'timestamp'],
];
const STATUS = ['status', 'statusText'];
/** Any JSON will do. */
const ANYTHING: string[] = [];

type Need = [id: string, place: string, statuses: number[], fields: string[] | 'none', shape?: 'page'];
const NEEDS: Need[] = [
  ['v1.application.list', 'GET /app', [200], APPLICATION, 'page'],
  ['v1.application.create', 'POST /app', [200, 201], APPLICATION],
  ['v1.application.get', 'GET /app/{app_id}', [200], APPLICATION],
  ['v1.application.update', 'PUT /app/{app_id}', [200, 201], APPLICATION],
  ['v1.application.patch', 'PATCH /app/{app_id}', [200], APPLICATION],
  ['v1.application.delete', 'DELETE /app/{app_id}', [204], 'none'],
  ['v1.endpoint.list', 'GET /app/{app_id}/endpoint', [200], ENDPOINT, 'page'],
  ['v1.endpoint.create', 'POST /app/{app_id}/endpoint', [201], ENDPOINT],
  ['v1.endpoint.get', 'GET /app/{app_id}/endpoint/{endpoint_id}', [200], ENDPOINT],
  ['v1.endpoint.update', 'PUT /app/{app_id}/endpoint/{endpoint_id}', [200, 201], ENDPOINT],
  ['v1.endpoint.patch', 'PATCH /app/{app_id}/endpoint/{endpoint_id}', [200], ENDPOINT],
  ['v1.endpoint.delete', 'DELETE /app/{app_id}/endpoint/{endpoint_id}', [204], 'none'],
  ['v1.endpoint.get-headers', 'GET /app/{app_id}/endpoint/{endpoint_id}/headers', [200], ['headers', 'sensitive']],
  ['v1.endpoint.update-headers', 'PUT /app/{app_id}/endpoint/{endpoint_id}/headers', [204], 'none'],
  ['v1.endpoint.patch-headers', 'PATCH /app/{app_id}/endpoint/{endpoint_id}/headers', [204], 'none'],
  ['v1.endpoint.get-secret', 'GET /app/{app_id}/endpoint/{endpoint_id}/secret', [200], ['key']],
  ['v1.endpoint.rotate-secret', 'POST /app/{app_id}/endpoint/{endpoint_id}/secret/rotate', [200, 204], ['key']],
  ['v1.event-type.list', 'GET /event-type', [200], EVENT_TYPE, 'page'],
  ['v1.event-type.create', 'POST /event-type', [201], EVENT_TYPE],
  ['v1.event-type.get', 'GET /event-type/{event_type_name}', [200], EVENT_TYPE],
  ['v1.event-type.update', 'PUT /event-type/{event_type_name}', [200, 201], EVENT_TYPE],
  ['v1.event-type.patch', 'PATCH /event-type/{event_type_name}', [200], EVENT_TYPE],
  ['v1.event-type.delete', 'DELETE /event-type/{event_type_name}', [204], 'none'],
  ['v1.message.list', 'GET /app/{app_id}/msg', [200], MESSAGE, 'page'],
  ['v1.message.create', 'POST /app/{app_id}/msg', [202], MESSAGE],
  ['v1.message.get', 'GET /app/{app_id}/msg/{msg_id}', [200], MESSAGE],
  ['v1.message-attempt.list-by-endpoint', 'GET /app/{app_id}/attempt/endpoint/{endpoint_id}', [200], ATTEMPT, 'page'],
  ['v1.message-attempt.list-by-msg', 'GET /app/{app_id}/attempt/msg/{msg_id}', [200], ATTEMPT, 'page'],
  ['v1.message-attempt.get', 'GET /app/{app_id}/msg/{msg_id}/attempt/{attempt_id}', [200], ATTEMPT],
  [
    'v1.message-attempt.list-attempted-messages',
    'GET /app/{app_id}/endpoint/{endpoint_id}/msg',
    [200],
    [...MESSAGE, ...STATUS],
    'page',
  ],
  [
    'v1.message-attempt.list-attempted-destinations',
    'GET /app/{app_id}/msg/{msg_id}/endpoint',
    [200],
    // SDKs read no metadata here, but they do all other fields of an endpoint.
    [...ENDPOINT.filter((field) => field !== 'metadata'), ...STATUS],
    'page',
  ],
  ['v1.message-attempt.resend', 'POST /app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend', [202], ANYTHING],
  ['v1.health.get', 'GET /health', [200], ANYTHING],
];
/** Query fields that SDKs send and that must have this name and type. */
const QUERIES: Record<string, Record<string, string>> = {
  'v1.application.list': { limit: 'integer', iterator: 'string', order: 'string' },
  'v1.application.create': { get_if_exists: 'boolean' },
  'v1.endpoint.list': { limit: 'integer', iterator: 'string', order: 'string' },
  'v1.event-type.list': { limit: 'integer', iterator: 'string', include_archived: 'boolean', with_content: 'boolean' },
  'v1.event-type.delete': { expunge: 'boolean' },
  'v1.message.create': { with_content: 'boolean' },
  'v1.message.list': {
    ...{ limit: 'integer', iterator: 'string', channel: 'string', tag: 'string', before: 'string', after: 'string' },
    ...{ with_content: 'boolean', event_types: 'array' },
  },
  'v1.message-attempt.list-by-msg': {
    ...{ limit: 'integer', iterator: 'string', status: 'integer', status_code_class: 'integer', channel: 'string' },
    ...{ endpoint_id: 'string', before: 'string', after: 'string', with_content: 'boolean', with_msg: 'boolean' },
    ...{ event_types: 'array', expanded_statuses: 'boolean' },
  },
};

describe('the OpenAPI document', () => {
  const document: DocumentView = readDocument();
  const operations = operationsOf(document);
  const byId = new Map(operations.map((operation) => [operation.operationId, operation]));
  const schemas = Object.entries(document.components.schemas);

  function get(id: string): PlacedOperation {
    const operation = byId.get(id);
    if (operation === undefined) {
      throw new Error(`${id} is not in the document`);
    }
    return operation;
  }

  function bodyOf(operation: PlacedOperation, status: number): SchemaView | undefined {
    const schema = operation.responses[String(status)]?.content?.['application/json']?.schema;
    return schema === undefined ? undefined : resolveSchema(document, schema);
  }

  /** Every schema in the document, with its place. */
  function everySchema(node: unknown, at: string, visit: (schema: SchemaView, at: string) => void): void {
    if (typeof node !== 'object' || node === null) {
      return;
    }
    if ('type' in node && (typeof node.type === 'string' || Array.isArray(node.type))) {
      visit(node as SchemaView, at);
    }
    for (const [key, value] of Object.entries(node)) {
      if (key !== 'example' && key !== 'examples') {
        everySchema(value, `${at}/${key}`, visit);
      }
    }
  }

  describe('has what the SDKs need', () => {
    it.each(NEEDS.map(([id, place, ...rest]) => ({ id, place, rest })))('$id: $place', ({ id, place, rest }) => {
      const [statuses, fields, shape] = rest;
      const operation = get(id);

      expect(`${operation.method} ${operation.path}`).toBe(place.replace(' ', ' /api/v1'));
      expect(
        Object.keys(operation.responses)
          .filter((status) => status < '300')
          .map(Number),
      ).toEqual(statuses);
      for (const status of statuses) {
        const body = bodyOf(operation, status);
        if (fields === 'none' || status === 204) {
          expect(body).toBeUndefined();
          continue;
        }
        if (shape === 'page') {
          expect(body?.required).toEqual(['data', 'iterator', 'done']);
        }
        const item = shape === 'page' ? resolveSchema(document, body?.properties?.['data']?.items ?? {}) : body;
        expect(item?.required ?? []).toEqual(expect.arrayContaining(fields));
        const nullable = fields.filter((field) => [item?.properties?.[field]?.type].flat().includes('null'));
        expect(nullable).toEqual([]);
      }
    });

    it.each(Object.entries(QUERIES))('the query of %s', (id, fields) => {
      const parameters = get(id).parameters ?? [];

      expect(
        Object.fromEntries(
          parameters.filter((each) => each.in === 'query').map((each) => [each.name, each.schema.type]),
        ),
      ).toEqual(expect.objectContaining(fields));
      expect(parameters.filter((each) => each.in === 'query' && each.required === true)).toEqual([]);
    });

    it('numbers of statuses and triggers that they know', () => {
      const attempt = document.components.schemas['MessageAttemptOut']?.properties ?? {};
      const { status, statusText, triggerType } = attempt;

      expect([0, 1, 2, 3, 4]).toEqual(expect.arrayContaining(status?.enum ?? ['none']));
      expect(['success', 'pending', 'fail', 'sending', 'canceled']).toEqual(
        expect.arrayContaining(statusText?.enum ?? ['none']),
      );
      expect(triggerType?.enum).toEqual([0, 1]);
    });
  });

  it('is of version 3.1, with a title, a licence and a description of the conventions', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Posthorn', license: { name: 'MIT' } });
    for (const word of ['Tokens', 'Ids', 'Lists', 'Errors', 'Idempotency']) {
      expect(document.info.description).toContain(`**${word}`);
    }
  });

  it('gives every operation an id of its own, a summary, and one tag that is described', () => {
    expect(byId.size).toBe(operations.length);
    for (const operation of operations) {
      expect(operation.summary).toMatch(/^[A-Z].{5,}[^.]$/);
      expect(operation.tags).toHaveLength(1);
      expect(document.tags.find((tag) => tag.name === operation.tags[0])?.description).toMatch(/\.$/);
    }
  });

  it('asks for a token everywhere but at health and metrics', () => {
    for (const { operationId, security } of operations) {
      const isPublic = /^(v1\.)?(health|metrics)\./.test(operationId);
      expect({ operationId, security }).toEqual({ operationId, security: isPublic ? [] : [{ bearer: [] }] });
    }
    expect(document.components.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } });
  });

  it('describes every parameter, and requires those of the path only', () => {
    for (const operation of operations) {
      const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const parameters = operation.parameters ?? [];
      expect(parameters.filter((each) => each.in === 'path').map((each) => each.name)).toEqual(names);
      for (const parameter of parameters) {
        expect(parameter.description).toMatch(/\w/);
        expect(parameter.required).toBe(parameter.in === 'path');
        expect(parameter.schema.type).toBeDefined();
      }
    }
  });

  it('describes every answer, every error with an example of its shape', () => {
    for (const operation of operations) {
      for (const [status, response] of Object.entries(operation.responses)) {
        const place = `${operation.operationId} ${status}`;
        expect({ place, text: response.description }).toEqual({ place, text: expect.stringMatching(/\w/) });
        const isReport = operation.tags[0] === 'Health' && status === '503';
        if (Number(status) < 400 || isReport) {
          continue;
        }
        const content = response.content?.['application/json'];
        const model = status === '422' ? 'HTTPValidationError' : 'HttpErrorOut';
        expect(content?.schema.$ref).toBe(`#/components/schemas/${model}`);
        expect(content?.example).toMatchObject(
          status === '422' ? { detail: [{ loc: expect.any(Array) }] } : { code: expect.any(String) },
        );
        if (status === '429' || status === '503') {
          expect(response.headers).toHaveProperty('Retry-After');
        }
      }
    }
  });

  it('requires every body but none of the fields of a PATCH', () => {
    for (const { operationId, method, requestBody } of operations) {
      if (requestBody === undefined) {
        expect(['GET', 'DELETE', 'POST']).toContain(method);
        continue;
      }
      expect({ operationId, required: requestBody.required }).toEqual({ operationId, required: true });
      const schema = resolveSchema(document, requestBody.content['application/json']?.schema ?? {});
      if (method === 'PATCH') {
        expect({ operationId, required: schema.required ?? [] }).toEqual({ operationId, required: [] });
      }
    }
  });

  it('describes every field, with an example that its schema allows', () => {
    for (const [name, schema] of schemas) {
      const fields = Object.entries(schema.properties ?? {});
      expect({ name, count: fields.length }).not.toEqual({ name, count: 0 });
      for (const [field, property] of fields) {
        const place = `${name}.${field}`;
        expect({ place, text: property.description }).toEqual({ place, text: expect.stringMatching(/\w/) });
        const types = [property.type ?? []].flat();
        if (types.some((type) => type === 'string' || type === 'integer')) {
          expect({ place, hasExample: 'example' in property }).toEqual({ place, hasExample: true });
        }
        if (property.pattern !== undefined && typeof property.example === 'string') {
          expect(property.example).toMatch(new RegExp(property.pattern));
        }
      }
    }
  });

  it('has whole numbers, times with their format, and null only beside a type', () => {
    everySchema(document, '', (schema, at) => {
      const types = [schema.type ?? []].flat();
      expect({ at, types }).not.toEqual({ at, types: expect.arrayContaining(['number']) });
      expect({ at, types }).not.toEqual({ at, types: ['null'].filter(() => !at.includes('/anyOf/')) });
      if (/(At|timestamp|before|after|nextAttempt)$/.test(at) && types.includes('string')) {
        expect({ at, format: schema.format }).toEqual({ at, format: 'date-time' });
      }
      expect({ at, nullable: 'nullable' in schema }).toEqual({ at, nullable: false });
    });
  });
});
