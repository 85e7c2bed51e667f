import { ConflictError, NotFoundError } from '@/common/app-error';

/** 404: no such application in this organization. */
export class ApplicationNotFoundError extends NotFoundError {
  constructor() {
    super('Application not found');
  }
}

/** 409: the uid belongs to another application. */
export class ApplicationExistsError extends ConflictError {
  constructor() {
    super('An application with that id or uid already exists');
  }
}
