import { Client, type Dispatcher } from 'undici';
import { monotonicMs } from './clock';
import { type Ledger } from './ledger';

/** A refused post must not turn the load generator into a busy loop. */
const PAUSE_AFTER_FAILURE_MS = 20;
const REQUEST_TIMEOUT_MS = 30_000;

export interface PosterOptions {
  url: string;
  token: string;
  applicationIds: string[];
  payloadBytes: number;
  connections: number;
}

/**
 * Posts messages over a fixed number of keep-alive connections, each with one request at a time. A message for which
 * no connection is free waits, and its wait counts, because its post is noted when it is handed over.
 */
export class MessagePoster {
  /** Called whenever a connection has become free. */
  onFree: () => void = () => undefined;
  /** Failed posts by reason: a status or an error. */
  readonly failures = new Map<string, number>();
  private readonly connections: Connection[] = [];
  private readonly free: Connection[] = [];
  private readonly waiting: number[] = [];
  private readonly paths: string[];
  private readonly padding: string;

  constructor(
    readonly options: PosterOptions,
    private readonly ledger: Ledger,
  ) {
    this.paths = options.applicationIds.map((id) => `/api/v1/app/${id}/msg?with_content=false`);
    this.padding = 'x'.repeat(Math.max(0, options.payloadBytes - payload(0, '').length));
    for (let index = 0; index < options.connections; index++) {
      this.connections.push(new Connection(this, options));
    }
    this.free.push(...this.connections);
  }

  get hasFree(): boolean {
    return this.free.length > 0;
  }

  /** Posts the next message now, or as soon as a connection is free. */
  post(): void {
    const sequence = this.ledger.post(monotonicMs());
    const connection = this.free.pop();
    if (connection) {
      this.send(connection, sequence);
    } else {
      this.waiting.push(sequence);
    }
  }

  acked(connection: Connection, sequence: number, messageId: string): void {
    this.ledger.ack(sequence, messageId, monotonicMs());
    this.release(connection);
  }

  failed(connection: Connection, sequence: number, reason: string): void {
    this.ledger.fail(sequence);
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
    setTimeout(() => this.release(connection), PAUSE_AFTER_FAILURE_MS);
  }

  /** Gives up what still waits, and closes the connections. */
  async close(): Promise<void> {
    this.onFree = () => undefined;
    this.waiting.splice(0).forEach((sequence) => this.ledger.fail(sequence));
    await Promise.all(this.connections.map((connection) => connection.close()));
  }

  private release(connection: Connection): void {
    const next = this.waiting.shift();
    if (next !== undefined) {
      this.send(connection, next);
      return;
    }
    this.free.push(connection);
    this.onFree();
  }

  private send(connection: Connection, sequence: number): void {
    const path = this.paths[sequence % this.paths.length] ?? '';
    connection.send(path, sequence, `{"eventType":"bench.event","payload":${payload(sequence, this.padding)}}`);
  }
}

/** One connection and the handler of the request on it; reused, so that a post allocates next to nothing. */
class Connection implements Dispatcher.DispatchHandler {
  private readonly client: Client;
  private readonly headers: Record<string, string>;
  private sequence = -1;
  private status = 0;
  private body = '';

  constructor(
    private readonly poster: MessagePoster,
    options: PosterOptions,
  ) {
    this.client = new Client(options.url, {
      pipelining: 1,
      keepAliveTimeout: 60_000,
      headersTimeout: REQUEST_TIMEOUT_MS,
      bodyTimeout: REQUEST_TIMEOUT_MS,
    });
    this.headers = { authorization: `Bearer ${options.token}`, 'content-type': 'application/json' };
  }

  send(path: string, sequence: number, body: string): void {
    this.sequence = sequence;
    this.body = '';
    this.client.dispatch({ path, method: 'POST', headers: this.headers, body }, this);
  }

  close(): Promise<void> {
    return this.client.destroy();
  }

  onRequestStart(): void {
    this.status = 0;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.body += chunk.toString('latin1');
  }

  onResponseEnd(): void {
    const id = this.status === 202 ? /"id":\s*"(msg_[^"]+)"/.exec(this.body)?.[1] : undefined;
    if (id) {
      this.poster.acked(this, this.sequence, id);
    } else {
      this.poster.failed(this, this.sequence, `${this.status} ${this.body.slice(0, 200)}`);
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error & { code?: string }): void {
    this.poster.failed(this, this.sequence, error.code ?? error.message);
  }
}

/** The receiver reads the number from these first bytes; its width is fixed, so that all payloads have one length. */
function payload(sequence: number, padding: string): string {
  return `{"seq":"${String(sequence).padStart(12, '0')}","padding":"${padding}"}`;
}
