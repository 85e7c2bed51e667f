import { applyDecorators, HttpCode, type Type } from '@nestjs/common';
import { ApiBearerAuth, ApiExtraModels, ApiOperation, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { EmptyOut } from './empty.responses';
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

interface ErrorDoc {
  description: string;
  /** `code` and `detail` of the example. */
  code: string;
  detail: string;
}

const ERRORS: Record<number, ErrorDoc> = {
  400: {
    description: 'A query field cannot be read, or the request makes no sense.',
    code: 'generic_error',
    detail: 'Query field limit must be a whole number.',
  },
  401: {
    description: 'The token is missing, malformed, expired or not signed by this server.',
    code: 'authentication_failed',
    detail: 'The token has expired.',
  },
  403: {
    description: 'The token does not allow this operation.',
    code: 'insufficient_access',
    detail: 'Insufficient access for the given operation.',
  },
  404: {
    description: 'It does not exist, or belongs to somebody else.',
    code: 'not_found',
    detail: 'Entity not found',
  },
  409: {
    description: 'It clashes with something that exists.',
    code: 'conflict',
    detail: 'A conflict has occurred',
  },
  413: {
    description: 'The body is larger than MAX_BODY_BYTES.',
    code: 'payload_too_large',
    detail: 'The request body is too large.',
  },
  429: {
    description: 'Too many requests of this token or address; `Retry-After` says when to go on.',
    code: 'rate_limited',
    detail: 'Too many requests. Slow down, and try again after Retry-After.',
  },
  500: {
    description: 'A fault of the server; the log has it under the request id.',
    code: 'internal_error',
    detail: 'Internal error',
  },
  503: {
    description:
      'Not now: the database is away, or too much waits for it. `Retry-After` says when to send it again, with the same idempotency-key.',
    code: 'unavailable',
    detail: 'The database is not available. Send the request again, with the same idempotency-key.',
  },
};
const EXAMPLE_REQUEST_ID = 'req_2mXLPKqXdU5bY8rVvY6jvBEuCbD';

/** Describes one operation for OpenAPI, with every status that it can answer, and sets the lowest of its good ones. */
export function ApiRoute(operation: Operation): MethodDecorator {
  const statuses = Object.entries(operation.responses);
  const errors = operation.isPublic
    ? [429, 500, ...(operation.errors ?? [])]
    : [400, 401, 403, 404, 422, 429, 500, 503, ...(operation.errors ?? [])];
  return applyDecorators(
    HttpCode(Number(statuses[0]?.[0] ?? 200)),
    ApiExtraModels(HttpErrorOut, HTTPValidationError),
    ApiOperation({
      operationId: operation.id,
      summary: operation.summary,
      description: operation.description,
      // An empty list says that no token is needed, whatever holds for the whole document.
      ...(operation.isPublic ? { security: [] } : {}),
    }),
    ...(operation.isPublic ? [] : [ApiBearerAuth('bearer')]),
    ...statuses.map(([status, type]) => goodResponse(Number(status), type)),
    ...[...new Set(errors)]
      .filter((status) => !(status in operation.responses))
      .sort()
      .map((status) => errorResponse(status)),
  );
}

function goodResponse(status: number, type: Type | null): MethodDecorator {
  const response = { status, description: describe(status) };
  if (type === EmptyOut) {
    return ApiResponse({ ...response, schema: { type: 'object', maxProperties: 0, example: {} } });
  }
  return ApiResponse(type === null ? response : { ...response, type });
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

function validationResponse(): MethodDecorator {
  const example = {
    detail: [{ loc: ['query', 'limit'], msg: 'Given limit must not exceed 250', type: 'value_error' }],
  };
  return ApiResponse({
    status: 422,
    description: 'A field is missing or wrong.',
    content: { 'application/json': { schema: { $ref: getSchemaPath(HTTPValidationError) }, example } },
  });
}

function errorResponse(status: number): MethodDecorator {
  const error = ERRORS[status];
  if (status === 422) {
    return validationResponse();
  }
  if (error === undefined) {
    throw new Error(`There is no description of status ${status}`);
  }
  const headers =
    status === 429 || status === 503
      ? { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' as const } } }
      : undefined;
  return ApiResponse({
    status,
    description: error.description,
    headers,
    content: {
      'application/json': {
        schema: { $ref: getSchemaPath(HttpErrorOut) },
        example: { code: error.code, detail: error.detail, requestId: EXAMPLE_REQUEST_ID },
      },
    },
  });
}
