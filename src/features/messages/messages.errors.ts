import { ConflictError, NotFoundError } from '@/common/app-error';

/** 404: no such message in this application. */
export class MessageNotFoundError extends NotFoundError {
  constructor() {
    super('Message not found');
  }
}

/** 409: a message with this eventId exists. */
export class EventIdExistsError extends ConflictError {
  constructor() {
    super('A message with this eventId already exists');
  }
}
