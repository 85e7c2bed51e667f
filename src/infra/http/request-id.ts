import { type IncomingMessage } from 'node:http';
import { newId } from '@libs/sortable-id/sortable-id';

const ACCEPTED = /^[A-Za-z0-9_.-]{1,64}$/;

/** The caller's `x-request-id` where it is harmless, else a new one; it is in every log line and error body. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && ACCEPTED.test(given) ? given : newId('req', Date.now());
}
