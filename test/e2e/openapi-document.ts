import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A schema, as far as the tests look at it. */
export interface SchemaView {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  example?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  properties?: Record<string, SchemaView>;
  required?: string[];
  additionalProperties?: boolean | SchemaView;
  items?: SchemaView;
  anyOf?: SchemaView[];
  allOf?: SchemaView[];
  description?: string;
}

export interface ParameterView {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description?: string;
  schema: SchemaView;
}

interface ContentView {
  schema: SchemaView;
  example?: unknown;
}

export interface OperationView {
  operationId: string;
  summary: string;
  tags: string[];
  security?: Record<string, string[]>[];
  parameters?: ParameterView[];
  requestBody?: { required?: boolean; content: Record<string, ContentView> };
  responses: Record<
    string,
    { description: string; headers?: Record<string, unknown>; content?: Record<string, ContentView> }
  >;
}

/** An operation with its place. */
export interface PlacedOperation extends OperationView {
  method: string;
  path: string;
}

export interface DocumentView {
  openapi: string;
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, OperationView>>;
  components: { schemas: Record<string, SchemaView>; securitySchemes: Record<string, unknown> };
}

/**
 * The document as it was generated from the built program (`npm run docs`): inside Jest the schemas are not complete, and
 * `npm run check` fails when the file is not up to date.
 */
export function readDocument(): DocumentView {
  return JSON.parse(readFileSync(join(process.cwd(), 'docs', 'openapi.json'), 'utf8')) as DocumentView;
}

export function operationsOf(document: DocumentView): PlacedOperation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
  );
}

/** The schema that a reference stands for. */
export function resolveSchema(document: DocumentView, schema: SchemaView): SchemaView {
  const name = schema.$ref?.split('/').pop();
  if (name === undefined) {
    return schema;
  }
  const found = document.components.schemas[name];
  if (found === undefined) {
    throw new Error(`${schema.$ref} is not in the document`);
  }
  return found;
}

/** What is wrong with a value that the schema describes, as paths and reasons; empty when nothing is. */
export function problemsOfValue(document: DocumentView, given: SchemaView, value: unknown, at = '$'): string[] {
  const schema = resolveSchema(document, given);
  if (schema.anyOf !== undefined) {
    const results = schema.anyOf.map((option) => problemsOfValue(document, option, value, at));
    return results.some((problems) => problems.length === 0) ? [] : results.flat();
  }
  if (schema.allOf !== undefined) {
    return schema.allOf.flatMap((part) => problemsOfValue(document, part, value, at));
  }
  const types = [schema.type ?? []].flat();
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) {
    return [`${at} is ${JSON.stringify(value)?.slice(0, 100)}, not ${types.join(' or ')}`];
  }
  if (schema.enum !== undefined && value !== null && !schema.enum.includes(value)) {
    return [`${at} is ${JSON.stringify(value)}, not one of ${schema.enum.join(', ')}`];
  }
  if (schema.format === 'date-time' && typeof value === 'string' && Number.isNaN(Date.parse(value))) {
    return [`${at} is not a time`];
  }
  if (Array.isArray(value)) {
    const { items = {} } = schema;
    return value.flatMap((item, index) => problemsOfValue(document, items, item, `${at}[${index}]`));
  }
  return typeof value === 'object' && value !== null
    ? problemsOfObject(document, schema, value as Record<string, unknown>, at)
    : [];
}

function problemsOfObject(
  document: DocumentView,
  schema: SchemaView,
  value: Record<string, unknown>,
  at: string,
): string[] {
  const { properties = {}, required = [], additionalProperties } = schema;
  const missing = required.filter((name) => !Object.hasOwn(value, name)).map((name) => `${at}.${name} is missing`);
  const wrong = Object.entries(value).flatMap(([name, item]) => {
    if (Object.hasOwn(properties, name)) {
      return problemsOfValue(document, properties[name] ?? {}, item, `${at}.${name}`);
    }
    if (typeof additionalProperties === 'object') {
      return problemsOfValue(document, additionalProperties, item, `${at}.${name}`);
    }
    return additionalProperties === true ? [] : [`${at}.${name} is not described`];
  });
  return [...missing, ...wrong];
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}
