/** Body of every error but 422. */
export class HttpErrorOut {
  /**
   * What went wrong, for programs.
   * @example not_found
   */
  code: string;

  /**
   * What went wrong, for people.
   * @example 'Entity not found'
   */
  detail: string;

  /**
   * Id of the request in the server's log.
   * @example req_2mXLPKqXdU5bY8rVvY6jvBEuCbD
   */
  requestId: string;
}

/** One wrong field. */
export class ValidationErrorItem {
  /**
   * Path of the field, beginning with body, query or path.
   * @example ["body", "eventType"]
   */
  loc: string[];

  /**
   * What is expected.
   * @example 'Expected a text of 1 to 65536 characters without control characters.'
   */
  msg: string;

  /**
   * Kind of the problem: value_error, or value_error.jsondecode.
   * @example value_error
   */
  type: string;
}

/** Body of 422. */
export class HTTPValidationError {
  /** Every problem that was found. */
  detail: ValidationErrorItem[];
}
