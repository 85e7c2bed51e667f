/** One problem of a request: where it is, what is wrong, and its kind, in the shape that SDKs parse. */
export interface ValidationProblem {
  /** Path of the field, camelCase, beginning with `body`, `query` or `path`. */
  loc: string[];
  msg: string;
  /** `value_error`, or `value_error.jsondecode` for text that is not JSON. */
  type: string;
}

/** The only kind of exception that features throw on purpose: code, HTTP status and message for the caller. */
export class AppError extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
    /** Seconds after which the caller may try again; becomes the `Retry-After` header. */
    readonly retryAfterSeconds?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** 422: the request is well-formed HTTP, but a field is missing or wrong. */
export class ValidationFailedError extends AppError {
  constructor(readonly problems: ValidationProblem[]) {
    super('validation', 422, problems.map((problem) => `${problem.loc.join('.')}: ${problem.msg}`).join('; '));
  }

  /** One problem of one field. */
  static of(loc: string[], msg: string, type = 'value_error'): ValidationFailedError {
    return new ValidationFailedError([{ loc, msg, type }]);
  }
}

/** 400: something about the request cannot be understood. */
export class BadRequestError extends AppError {
  constructor(message: string, code = 'generic_error') {
    super(code, 400, message);
  }
}

/** 404: it does not exist, or not for this caller. */
export class NotFoundError extends AppError {
  constructor(message = 'Entity not found') {
    super('not_found', 404, message);
  }
}

/** 409: it clashes with something that exists. */
export class ConflictError extends AppError {
  constructor(message = 'A conflict has occurred', code = 'conflict') {
    super(code, 409, message);
  }
}

/** 503: not now; the caller should send the request again, with the same idempotency key. */
export class UnavailableError extends AppError {
  constructor(message: string, retryAfterSeconds: number, options?: ErrorOptions) {
    super('unavailable', 503, message, retryAfterSeconds, options);
  }
}
