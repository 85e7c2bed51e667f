import { applyDecorators, HttpCode, type Type } from '@nestjs/common';
import { ApiBearerAuth, ApiExtraModels, ApiOperation, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { HttpErrorOut, HTTPValidationError } from './error.responses';

interface Operation {
  /** Operation id, as clients know it: `v1.application.create`. */
  id: string;
  summary: string;
  description?: string;
  /** What comes back by status; `null` for no body. The lowest status is sent unless the handler sets another. */
  responses: Record<number, Type | null>;
  /** Errors beyond those that every operation has. */
  errors?: number[];
  /** True for operations that need no token. */
  isPublic?: boolean;
}

const ERRORS: Record<number, string> = {
  400: 'A query field cannot be read, or the request makes no sense.',
  401: 'The token is missing, malformed, expired or not signed by this server.',
  403: 'The token does not allow this operation.',
  404: 'It does not exist, or belongs to somebody else.',
  409: 'It clashes with something that exists.',
  413: 'The body is larger than MAX_BODY_BYTES.',
  422: 'A field is missing or wrong.',
  429: 'Too many requests of this token or address; `Retry-After` says when to go on.',
  500: 'A fault of the server; the log has it under the request id.',
  503: 'Not now: the database is away. Nothing was accepted; `Retry-After` says when to try again.',
};

/** Describes one operation for OpenAPI, with every status that it can answer, and sets the lowest of its good ones. */
export function ApiRoute(operation: Operation): MethodDecorator {
  const statuses = Object.entries(operation.responses);
  const errors = operation.isPublic
    ? [429, 500, ...(operation.errors ?? [])]
    : [400, 401, 403, 404, 422, 429, 500, 503, ...(operation.errors ?? [])];
  return applyDecorators(
    HttpCode(Number(statuses[0]?.[0] ?? 200)),
    ApiExtraModels(HttpErrorOut, HTTPValidationError),
    ApiOperation({ operationId: operation.id, summary: operation.summary, description: operation.description }),
    ...(operation.isPublic ? [] : [ApiBearerAuth('bearer')]),
    ...statuses.map(([status, type]) =>
      ApiResponse({ status: Number(status), description: describe(Number(status)), ...(type ? { type } : {}) }),
    ),
    ...[...new Set(errors)]
      .filter((status) => !(status in operation.responses))
      .sort()
      .map((status) => errorResponse(status)),
  );
}

function describe(status: number): string {
  switch (status) {
    case 201:
      return 'Created.';
    case 202:
      return 'Accepted: it is stored durably.';
    case 204:
      return 'Done; no body.';
    default:
      return 'Done.';
  }
}

function errorResponse(status: number): MethodDecorator {
  const model = status === 422 ? HTTPValidationError : HttpErrorOut;
  const headers =
    status === 429 || status === 503
      ? { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' as const } } }
      : undefined;
  return ApiResponse({
    status,
    description: ERRORS[status] ?? 'Error.',
    headers,
    content: { 'application/json': { schema: { $ref: getSchemaPath(model) } } },
  }) as MethodDecorator;
}
