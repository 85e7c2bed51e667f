import { ArgumentsHost, Catch, type ExceptionFilter, HttpException, NotFoundException } from '@nestjs/common';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { AppError, NotFoundError, UnavailableError, ValidationFailedError } from '@/common/app-error';
import { type AllowedMethods } from './allowed-methods';
import { isDatabaseUnavailable } from '@/infra/database/database-errors';
import { Logger } from '@/infra/observability/logger';

/** Between two log lines about requests that were refused because something is away. */
const QUIET_MS = 1_000;

const CODES: Record<number, { code: string; detail: string }> = {
  400: { code: 'generic_error', detail: 'Generic error' },
  401: { code: 'authentication_failed', detail: 'Incorrect authentication credentials.' },
  403: { code: 'insufficient_access', detail: 'Insufficient access for the given operation.' },
  404: { code: 'not_found', detail: 'Entity not found' },
  413: { code: 'payload_too_large', detail: 'The request body is too large.' },
  429: { code: 'rate_limited', detail: 'Too many requests. Slow down, and try again after Retry-After.' },
};

/** Writes every error body of the API: `{ code, detail, requestId }`, and a list of problems as `detail` for 422. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private unavailableLoggedAtMs = 0;
  private unlogged = 0;

  constructor(
    private readonly log: Logger,
    private readonly allowed?: AllowedMethods,
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    void this.reply(this.explainNotFound(exception, request, reply) ?? exception, request, reply);
  }

  /** Answers `request` with the error; also used by Fastify for what fails before a route is found. */
  reply(exception: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = toAppError(exception);
    if (error.status >= 500) {
      this.logFault(error, exception, request);
    }
    keepOpen(request, reply);
    if (error.status === 401) {
      void reply.header('www-authenticate', 'Bearer');
    }
    if (error.retryAfterSeconds !== undefined) {
      void reply.header('retry-after', String(error.retryAfterSeconds));
    }
    const body =
      error instanceof ValidationFailedError
        ? { detail: error.problems }
        : { code: error.code, detail: error.status === 500 ? 'Internal error' : error.message, requestId: request.id };
    // Sent as bytes that are ready: an error body never depends on a serializer.
    return reply
      .status(error.status)
      .header('content-type', 'application/json; charset=utf-8')
      .send(JSON.stringify(body));
  }

  /** Thousands of requests a second may meet a database that is away: one line a second says it as well. */
  private logFault(error: AppError, exception: unknown, request: FastifyRequest): void {
    const fields = { err: exception, requestId: request.id, method: request.method, url: request.url };
    if (!(error instanceof UnavailableError)) {
      this.log.error(fields, error.message);
      return;
    }
    this.unlogged++;
    if (Date.now() - this.unavailableLoggedAtMs >= QUIET_MS) {
      this.log.warn({ ...fields, requests: this.unlogged }, error.message);
      this.unavailableLoggedAtMs = Date.now();
      this.unlogged = 0;
    }
  }

  /** That no route takes the request goes before whatever else is wrong with it. */
  private explainNotFound(exception: unknown, request: FastifyRequest, reply: FastifyReply): AppError | undefined {
    if (!(exception instanceof NotFoundException) && !request.is404) {
      return undefined;
    }
    const methods = this.allowed?.of(request.url.split('?', 1)[0] ?? '') ?? [];
    if (methods.length === 0) {
      return new NotFoundError('No such path. The API begins at /api/v1, its documentation is at /docs.');
    }
    void reply.header('allow', methods.join(', '));
    return new AppError('method_not_allowed', 405, `This path has ${methods.join(', ')}, not ${request.method}.`);
  }
}

/**
 * Fastify closes the connection after a body that it could not take. A client that is still sending would then lose the
 * answer to a reset; the rest of the body is read and dropped instead, for at most the time that a request may take.
 */
function keepOpen(request: FastifyRequest, reply: FastifyReply): void {
  void reply.removeHeader('connection');
  request.raw.resume();
}

function toAppError(exception: unknown): AppError {
  if (exception instanceof AppError) {
    return exception;
  }
  if (isDatabaseUnavailable(exception)) {
    return new UnavailableError(
      'The database is not available. Send the request again, with the same idempotency-key.',
      2,
      { cause: exception },
    );
  }
  if (isUndecodablePath(exception)) {
    return new NotFoundError();
  }
  const status = statusOf(exception);
  const known = CODES[status];
  if (known !== undefined) {
    return new AppError(known.code, status, known.detail, status === 429 ? 1 : undefined, { cause: exception });
  }
  if (status >= 400 && status < 500) {
    return new AppError('generic_error', 400, 'Generic error', undefined, { cause: exception });
  }
  return new AppError('internal_error', 500, 'Internal error', undefined, { cause: exception });
}

/** A path with broken percent encoding names nothing that exists. */
function isUndecodablePath(exception: unknown): boolean {
  return exception instanceof Error && 'code' in exception && exception.code === 'FST_ERR_BAD_URL';
}

/** Fastify's and Nest's own errors say which status they mean; anything else is a fault of ours. */
function statusOf(exception: unknown): number {
  if (exception instanceof HttpException) {
    return exception.getStatus();
  }
  if (exception instanceof Error && 'statusCode' in exception && typeof exception.statusCode === 'number') {
    return exception.statusCode;
  }
  return 500;
}
