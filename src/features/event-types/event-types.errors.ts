import { ConflictError, NotFoundError } from '@/common/app-error';

/** 404: no such event type in this organization, or not for this token. */
export class EventTypeNotFoundError extends NotFoundError {
  constructor() {
    super('Event type not found');
  }
}

/** 409: a live event type has this name. */
export class EventTypeExistsError extends ConflictError {
  constructor() {
    super('An event type with that name already exists', 'event_type_exists');
  }
}
