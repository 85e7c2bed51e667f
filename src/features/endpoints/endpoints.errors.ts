import { BadRequestError, ConflictError, NotFoundError, ValidationFailedError } from '@/common/app-error';

/** 404: no such endpoint in this application. */
export class EndpointNotFoundError extends NotFoundError {
  constructor() {
    super('Endpoint not found');
  }
}

/** 409: the uid belongs to another endpoint of the application. */
export class EndpointExistsError extends ConflictError {
  constructor() {
    super('An endpoint with that id or uid already exists');
  }
}

/** 400: the endpoint has as many earlier secrets that are still valid as it may have. */
export class SecretLimitReachedError extends BadRequestError {
  constructor(limit: number) {
    super(
      `An endpoint can have ${limit} earlier secrets that are still valid; wait until one expires.`,
      'limit_reached',
    );
  }
}

/** 422: webhooks may not be sent to the address of the URL, or not by this scheme. */
export class UrlRefusedError extends ValidationFailedError {
  constructor(reason: string) {
    super([{ loc: ['body', 'url'], msg: reason, type: 'value_error' }]);
  }
}

/** 422: some event types do not exist or are archived. */
export class UnknownEventTypesError extends ValidationFailedError {
  constructor(names: string[]) {
    const shown = names.slice(0, 10).join(', ') + (names.length > 10 ? ', ...' : '');
    const msg = `These event types do not exist or are archived: ${shown}.`;
    super([{ loc: ['body', 'eventTypes'], msg, type: 'value_error' }]);
  }
}
