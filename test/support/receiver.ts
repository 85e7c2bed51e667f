import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type OutgoingHttpHeaders } from 'node:http';
import { type AddressInfo, type Socket } from 'node:net';

/** A request as it arrived; `at` is milliseconds since the epoch, taken when the whole body was there. */
export interface ReceivedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  at: number;
}

/** An ordinary answer; without anything it is a 200 with an empty body, at once. */
export interface PlainResponse {
  status?: number;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  delayMs?: number;
}

/** An answer that writes to the socket itself, for receivers that do not speak proper HTTP. */
export interface SocketTakeover {
  takeOver(socket: Socket): void;
}

export type ScriptedResponse = PlainResponse | SocketTakeover;

/** Decides on an answer; `nth` counts the requests to this path, beginning with 1. */
export type Responder = (request: ReceivedRequest, nth: number) => ScriptedResponse | Promise<ScriptedResponse>;

export interface ReceiverOptions {
  /** Answers every path that has no script of its own; the default is a 200. */
  respond?: Responder;
  /** Keeps the requests for `requests` and `waitFor`; switch it off for tens of thousands of requests. */
  record?: boolean;
}

const DEFAULT_TIMEOUT_MS = 5_000;

type Condition = (requests: readonly ReceivedRequest[]) => boolean;

/** An HTTP receiver inside the test process that records what arrives and answers as scripted. */
export class Receiver {
  readonly requests: ReceivedRequest[] = [];
  private readonly counts = new Map<string, number>();
  private readonly scripts = new Map<string, Responder>();
  private readonly watchers = new Set<() => void>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly server = createServer((request, response) => {
    this.handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  private unanswered = 0;

  constructor(private readonly options: ReceiverOptions) {
    // Longer than any test: a receiver that closes idle connections would add resets that nobody scripted.
    this.server.keepAliveTimeout = 600_000;
  }

  /** The address with scheme and port, without a trailing slash. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Requests that have arrived and are not answered yet. */
  get inFlight(): number {
    return this.unanswered;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(0, '127.0.0.1', resolve);
    });
  }

  /** Scripts one path (with its query): a list is answered in order and its last entry from then on. */
  script(path: string, answer: Responder | ScriptedResponse | ScriptedResponse[]): void {
    this.scripts.set(path, typeof answer === 'function' ? answer : (_request, nth) => pick(answer, nth));
  }

  requestsTo(path: string): ReceivedRequest[] {
    return this.requests.filter((request) => request.path === path);
  }

  /** Waits for that many requests in all, or until the predicate holds; rejects after `timeoutMs`. */
  async waitFor(condition: number | Condition, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<ReceivedRequest[]> {
    const holds: Condition =
      typeof condition === 'number' ? (requests) => requests.length >= condition : (requests) => condition(requests);
    if (holds(this.requests)) {
      return this.requests;
    }
    await new Promise<void>((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        this.watchers.delete(watcher);
        return error ? reject(error) : resolve();
      };
      const watcher = (): void => {
        if (holds(this.requests)) {
          finish();
        }
      };
      const timer = setTimeout(() => finish(new Error(this.missing(condition, timeoutMs))), timeoutMs);
      this.watchers.add(watcher);
    });
    return this.requests;
  }

  /** Stops listening and cuts all connections, hanging ones included. */
  async close(): Promise<void> {
    this.timers.forEach((timer) => clearTimeout(timer));
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = await read(request);
    const nth = (this.counts.get(received.path) ?? 0) + 1;
    this.counts.set(received.path, nth);
    this.unanswered += 1;
    response.once('close', () => (this.unanswered -= 1));
    if (this.options.record !== false) {
      this.requests.push(received);
      [...this.watchers].forEach((watcher) => watcher());
    }
    const respond = this.scripts.get(received.path) ?? this.options.respond;
    this.answer(response, (await respond?.(received, nth)) ?? {});
  }

  private answer(response: ServerResponse, scripted: ScriptedResponse): void {
    if ('takeOver' in scripted) {
      scripted.takeOver(response.socket as Socket);
      return;
    }
    const send = (): void => {
      response.writeHead(scripted.status ?? 200, scripted.headers).end(scripted.body);
    };
    if (!scripted.delayMs) {
      send();
      return;
    }
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      send();
    }, scripted.delayMs);
    this.timers.add(timer);
  }

  private missing(condition: number | Condition, timeoutMs: number): string {
    const wanted = typeof condition === 'number' ? `${condition} requests` : 'the awaited requests';
    const paths = [...this.counts].map(([path, count]) => `${path} x ${count}`).join(', ');
    return `${wanted} did not arrive within ${timeoutMs} ms; arrived: ${paths || 'nothing'}`;
  }
}

/** Starts a receiver on a free loopback port. */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const receiver = new Receiver(options);
  await receiver.listen();
  return receiver;
}

/** Never answers and keeps the connection open. */
export function hang(): SocketTakeover {
  return { takeOver: () => undefined };
}

/** Cuts the connection with a TCP reset. */
export function reset(): SocketTakeover {
  return { takeOver: (socket) => void socket.resetAndDestroy() };
}

/** Writes these bytes instead of an HTTP answer, and then closes unless `keepOpen`. */
export function rawBytes(bytes: string | Buffer, keepOpen = false): SocketTakeover {
  return { takeOver: (socket) => void (keepOpen ? socket.write(bytes) : socket.end(bytes)) };
}

/** Answers 200 and then sends the body byte by byte, for ever. */
export function drip(everyMs: number): SocketTakeover {
  return {
    takeOver: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1000000\r\n\r\n');
      const timer = setInterval(() => socket.write('.'), everyMs);
      socket.once('close', () => clearInterval(timer));
      socket.on('error', () => clearInterval(timer));
    },
  };
}

/** Answers 200 with a body of that many bytes, as fast as the other side reads. */
export function hugeBody(totalBytes: number): SocketTakeover {
  return {
    takeOver: (socket) => {
      const chunk = Buffer.alloc(65_536, 'x');
      let left = totalBytes;
      const pump = (): void => {
        while (left > 0 && !socket.destroyed) {
          const part = chunk.subarray(0, Math.min(left, chunk.length));
          left -= part.length;
          if (!socket.write(part)) {
            socket.once('drain', pump);
            return;
          }
        }
      };
      socket.on('error', () => (left = 0));
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${totalBytes}\r\n\r\n`);
      pump();
    },
  };
}

function pick(answer: ScriptedResponse | ScriptedResponse[], nth: number): ScriptedResponse {
  return Array.isArray(answer) ? (answer[Math.min(nth, answer.length) - 1] ?? {}) : answer;
}

async function read(request: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    body: Buffer.concat(chunks),
    at: Date.now(),
  };
}
