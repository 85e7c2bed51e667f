import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { type Socket } from 'node:net';
import { newId } from '@libs/sortable-id/sortable-id';

interface ProtocolError {
  status: number;
  code: string;
  detail: string;
}

const MALFORMED: ProtocolError = {
  status: 400,
  code: 'malformed_request',
  detail: 'This is not a valid HTTP/1.1 request.',
};
/** By the code of Node's error. */
const ERRORS: Record<string, ProtocolError> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'request_timeout', detail: 'The request did not arrive in time.' },
  HPE_HEADER_OVERFLOW: { status: 431, code: 'headers_too_large', detail: 'Path and headers are larger than 16 kB.' },
};

/** Answers what Node cannot read as a request, in the shape of every other error, and closes the connection. */
export function answerProtocolError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) {
    return;
  }
  if (socket.writable && !hasAnswerBegun(socket)) {
    const { status, code, detail } = ERRORS[error.code ?? ''] ?? MALFORMED;
    const body = errorBody(code, detail);
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json; charset=utf-8\r\n`;
    socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
  }
  socket.destroySoon();
}

/** Answers 417 to an `Expect` other than `100-continue`. */
export function answerUnknownExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const body = errorBody('expectation_failed', 'Only Expect: 100-continue is known here.');
  response
    .writeHead(417, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    })
    .end(body);
}

/** What Node is writing as the answer to an earlier part of the same connection must not be broken into. */
function hasAnswerBegun(socket: Socket & { _httpMessage?: ServerResponse | null }): boolean {
  return socket._httpMessage?.headersSent ?? false;
}

function errorBody(code: string, detail: string): string {
  return JSON.stringify({ code, detail, requestId: newId('req', Date.now()) });
}
