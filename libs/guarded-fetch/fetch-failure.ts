import { type FailureReason } from './post-outcome';

const MAX_MESSAGE_LENGTH = 500;
/** Errors that say that the peer (or the network) ended the connection, rather than that it talked nonsense. */
const CLOSED_CODES = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);
const PEER_CLOSED_MESSAGES = new Set(['other side closed', 'closed']);
/** undici refused the request itself: sending it again cannot help. */
const REFUSED_REQUEST_CODES = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);

/** An error whose reason is already known. */
export class FetchFailure extends Error {
  constructor(
    readonly reason: FailureReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'FetchFailure';
  }
}

/** Maps an error of a socket or of undici to a reason; `hasHead` says whether a complete response head had arrived. */
export function reasonOf(error: Error, hasHead: boolean): FailureReason {
  if (error instanceof FetchFailure) {
    return error.reason;
  }
  const code = codeOf(error);
  if (/^(ERR_SSL|ERR_TLS|EPROTO$|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)/.test(code)) {
    return 'tls';
  }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    // undici reports any parser error so once it has seen a Content-Length; before the end of the head it is nonsense.
    return hasHead ? 'connection' : 'protocol';
  }
  if (hasHead && isClosedEarly(code, error.message)) {
    return 'connection';
  }
  if (code === 'UND_ERR_SOCKET') {
    return PEER_CLOSED_MESSAGES.has(error.message) ? 'connection' : 'protocol';
  }
  return code.startsWith('UND_ERR') || code.startsWith('HPE_') || code === '' ? 'protocol' : 'connection';
}

/** True when the peer closed or reset the connection. */
export function isPeerClosed(error: Error): boolean {
  const code = codeOf(error);
  return CLOSED_CODES.has(code) || (code === 'UND_ERR_SOCKET' && PEER_CLOSED_MESSAGES.has(error.message));
}

/** True when undici refused to send the request, for example for a character in a header. */
export function isRefusedRequest(error: Error): boolean {
  return REFUSED_REQUEST_CODES.has(codeOf(error));
}

/** Makes an error message fit to be stored and shown: one line, no control characters, bounded. */
export function toOutcomeMessage(message: string): string {
  // Messages of TLS errors quote the certificate, which may have thousands of names.
  return message.replace(/\p{Cc}+/gu, ' ').slice(0, MAX_MESSAGE_LENGTH);
}

function isClosedEarly(code: string, message: string): boolean {
  // The parser's word for "the connection ended in the middle of a chunked body".
  return code === 'HPE_INVALID_EOF_STATE' || message.includes('Invalid EOF state');
}

/** The `code` of a system, OpenSSL or undici error, or the empty string. */
export function codeOf(error: unknown): string {
  return hasText(error, 'code') ? error.code : '';
}

/**
 * The message of whatever was thrown; does not rely on `instanceof`, which fails for errors of another realm. Some system
 * errors have no message but a code, and an AggregateError has those of its parts.
 */
export function messageOf(error: unknown): string {
  if (hasText(error, 'message') && error.message !== '') {
    return error.message;
  }
  const [first] = (error as { errors?: unknown[] } | null)?.errors ?? [];
  return first === undefined ? codeOf(error) || String(error) : messageOf(first);
}

function hasText<K extends string>(value: unknown, key: K): value is Record<K, string> {
  return typeof value === 'object' && value !== null && typeof (value as Record<K, unknown>)[key] === 'string';
}
