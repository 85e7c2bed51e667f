import { BadRequestError, NotFoundError } from '@/common/app-error';

/** 404: no such attempt of this message. */
export class AttemptNotFoundError extends NotFoundError {
  constructor() {
    super('Attempt not found');
  }
}

/** 400: the content of the message is gone, so there is nothing to send. */
export class MissingPayloadError extends BadRequestError {
  constructor() {
    super('The payload of this message is gone: it expired or was removed.', 'missing_payload');
  }
}
