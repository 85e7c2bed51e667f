import { isNativeError } from 'node:util/types';
import { QueryFailedError } from 'typeorm';

const UNIQUE_VIOLATION = '23505';
/** SQLSTATE classes and codes that say "not now": connection lost, shutting down, starting up, read-only, no resources. */
const UNAVAILABLE = /^(08...|57P0[1-5]|25006|53...|55P03)$/;
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
]);
/** pg reports these without a code. */
const DRIVER_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/;

/** Errors of sockets come from Node itself, whose Error is not the one of a sandbox such as a test runs in. */
function codeOf(error: unknown): string | undefined {
  return isNativeError(error) && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The error that the driver raised, out of TypeORM's wrapping. */
function driverErrorOf(error: unknown): unknown {
  return error instanceof QueryFailedError ? (error.driverError as unknown) : error;
}

/** True when Postgres cannot be reached or does not take work now; the same call may work a little later. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const cause = driverErrorOf(error);
  const code = codeOf(cause);
  if (code !== undefined && (UNAVAILABLE.test(code) || SOCKET_CODES.has(code))) {
    return true;
  }
  return isNativeError(cause) && DRIVER_MESSAGES.test(cause.message);
}

/** True when a row with the same unique key exists. */
export function isUniqueViolation(error: unknown): boolean {
  return codeOf(driverErrorOf(error)) === UNIQUE_VIOLATION;
}

/** Serialization failure, deadlock, statement cancelled by a timeout or an administrator. */
const REPEATABLE = new Set(['40001', '40P01', '57014']);

/** True when the same statement may well succeed when it is sent again. */
export function isTransientDatabaseError(error: unknown): boolean {
  return isDatabaseUnavailable(error) || REPEATABLE.has(codeOf(driverErrorOf(error)) ?? '');
}
