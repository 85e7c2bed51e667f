import { AppError } from '@/common/app-error';

/** 401: no token, or one that this server does not accept. */
export class AuthenticationFailedError extends AppError {
  constructor(detail = 'Incorrect authentication credentials.') {
    super('authentication_failed', 401, detail);
  }
}

/** 403: the token is good, but not for this. */
export class InsufficientAccessError extends AppError {
  constructor() {
    super('insufficient_access', 403, 'Insufficient access for the given operation.');
  }
}
