import { isNativeError } from 'node:util/types';
import { QueryFailedError } from 'typeorm';

const UNIQUE_VIOLATION = '23505';
const CHECK_VIOLATION = '23514';
const DUPLICATE_TABLE = '42P07';
const UNDEFINED_TABLE = '42P01';
const LOCK_NOT_AVAILABLE = '55P03';
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

/** True when a row does not meet a constraint of its table, such as the range of a partition. */
export function isCheckViolation(error: unknown): boolean {
  return codeOf(driverErrorOf(error)) === CHECK_VIOLATION;
}

/** True when somebody else has made the table a moment before. */
export function isDuplicateTable(error: unknown): boolean {
  return codeOf(driverErrorOf(error)) === DUPLICATE_TABLE;
}

/** True when a table of the statement does not exist. */
export function isUndefinedTable(error: unknown): boolean {
  return codeOf(driverErrorOf(error)) === UNDEFINED_TABLE;
}

/** True when a lock was not free, at once with NOWAIT or else within `lock_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(driverErrorOf(error)) === LOCK_NOT_AVAILABLE;
}

/** Serialization failure, deadlock, statement cancelled by a timeout or an administrator. */
const REPEATABLE = new Set(['40001', '40P01', '57014']);

/** True when the same statement may well succeed when it is sent again. */
export function isTransientDatabaseError(error: unknown): boolean {
  return isDatabaseUnavailable(error) || REPEATABLE.has(codeOf(driverErrorOf(error)) ?? '');
}
