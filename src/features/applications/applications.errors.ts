import { ConflictError, NotFoundError, ValidationFailedError } from '@/common/app-error';

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

/** 422: the `application` of a message must have the uid of the path. */
export function applicationUidProblem(idOrUid: string): ValidationFailedError {
  return ValidationFailedError.of(['body', 'application', 'uid'], `Expected the uid of the path, "${idOrUid}".`);
}
