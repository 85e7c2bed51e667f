import { type Dispatcher } from 'undici';
import { CappedBody } from './capped-body';
import { type Connection } from './connection';
import { FetchFailure, isPeerClosed, isRefusedRequest, messageOf, reasonOf, toOutcomeMessage } from './fetch-failure';
import { type FailureReason, type PostOutcome, type PostRequest } from './post-outcome';
import { toFlatHeaders } from './request-headers';
import { type RequestTarget } from './request-target';

const MAX_INFORMATIONAL = 16;
const MAX_RETRY_AFTER_LENGTH = 200;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What an exchange needs from the client that runs it. */
export interface ExchangeHost {
  readonly maxResponseBytes: number;
  /** Rejects with a FetchFailure: dns or address_refused. */
  checkedAddressesOf(target: RequestTarget): Promise<readonly string[]>;
  /** Opens a fresh connection; see SocketOpener for its failures. */
  open(target: RequestTarget, addresses: readonly string[], onConnected: () => void): OpeningConnection;
  takeIdle(origin: string): Connection | undefined;
  /** Told when a kept connection turned out to be dead when it was used again. */
  onStaleConnection(origin: string): void;
  /** Takes back a connection whose exchange is complete. */
  release(connection: Connection): void;
}

/** A connection that is being made. */
export interface OpeningConnection {
  readonly connection: Promise<Connection>;
  cancel(): void;
}

/**
 * One POST from name resolution to the last byte that is wanted: the only place where its outcome is decided, once.
 *
 * It is undici's handler as well, in the form that passes raw header bytes, because that parses no header nobody reads.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  private readonly startedAt = performance.now();
  private readonly timer: NodeJS.Timeout;
  private stage = 'resolving the host name';
  private isDone = false;
  private hasRetried = false;
  private opening: OpeningConnection | undefined;
  private connection: Connection | undefined;
  private isWritten = false;
  private hasResponseBytes = false;
  private informationalCount = 0;
  private statusCode = 0;
  private retryAfter: string | undefined;
  private readonly body: CappedBody;

  constructor(
    private readonly host: ExchangeHost,
    private readonly target: RequestTarget,
    private readonly request: PostRequest,
    private readonly onOutcome: (exchange: Exchange, outcome: PostOutcome) => void,
  ) {
    this.body = new CappedBody(host.maxResponseBytes);
    // Node keeps timers of one duration in one list, so setting and clearing this costs well under a microsecond.
    this.timer = setTimeout(onDeadline, Math.min(Math.max(request.timeoutMs, 1), MAX_TIMER_MS), this);
  }

  start(): void {
    const { signal } = this.request;
    if (signal?.aborted === true) {
      this.abort('the request was aborted');
      return;
    }
    signal?.addEventListener('abort', this.onSignal, { once: true });
    const idle = this.host.takeIdle(this.target.origin);
    if (idle !== undefined) {
      this.send(idle);
    } else {
      void this.connectAndSend();
    }
  }

  abort(message: string): void {
    this.fail('aborted', message);
  }

  expire(): void {
    this.fail('timeout', `timed out after ${this.request.timeoutMs} ms while ${this.describeStage()}`);
  }

  onConnect(abort: () => void): void {
    this.isWritten = true;
    if (this.isDone) {
      abort();
    }
  }

  onResponseStarted(): void {
    this.hasResponseBytes = true;
    this.stage = 'receiving the response head';
  }

  /** The handler methods always return true: undici never closes a connection cleanly while its parser is paused. */
  onHeaders(statusCode: number, rawHeaders: Buffer[]): boolean {
    if (this.isDone) {
      return true;
    }
    if (statusCode < 200) {
      if (++this.informationalCount > MAX_INFORMATIONAL) {
        this.fail('protocol', 'too many informational responses');
      }
      return true;
    }
    this.statusCode = statusCode;
    this.retryAfter = retryAfterIn(rawHeaders);
    return true;
  }

  onData(piece: Buffer): boolean {
    if (!this.isDone && !this.body.append(piece)) {
      this.connection?.drop();
      this.respond(true);
    }
    return true;
  }

  onComplete(): void {
    if (this.isDone) {
      return;
    }
    const { connection } = this;
    this.connection = undefined;
    if (connection !== undefined) {
      this.host.release(connection);
    }
    this.respond(false);
  }

  onError(error: Error): void {
    if (this.isDone) {
      return;
    }
    if (this.canRetry(error)) {
      this.hasRetried = true;
      if (this.isWritten) {
        this.host.onStaleConnection(this.target.origin);
      }
      this.connection?.drop();
      this.connection = undefined;
      void this.connectAndSend();
      return;
    }
    if (this.statusCode === 204 || this.statusCode === 304) {
      // These have no body, so nothing is missing, whatever length the head announced.
      this.connection?.drop();
      this.respond(false);
      return;
    }
    const state =
      this.statusCode === 0 ? '' : ` after status ${this.statusCode} and ${this.body.byteLength} bytes of the body`;
    this.fail(reasonOf(error, this.statusCode !== 0), `${error.message}${state}`);
  }

  private readonly onSignal = (): void => this.abort('the request was aborted');

  private async connectAndSend(): Promise<void> {
    try {
      this.stage = 'resolving the host name';
      const addresses = await this.host.checkedAddressesOf(this.target);
      if (this.isDone) {
        return;
      }
      this.stage = 'connecting';
      this.opening = this.host.open(this.target, addresses, () => (this.stage = 'negotiating TLS'));
      const connection = await this.opening.connection;
      this.opening = undefined;
      if (this.isDone) {
        connection.drop();
        return;
      }
      this.send(connection);
    } catch (error) {
      this.fail(error instanceof FetchFailure ? error.reason : 'connection', messageOf(error));
    }
  }

  private send(connection: Connection): void {
    this.connection = connection;
    this.isWritten = false;
    this.hasResponseBytes = false;
    this.stage = 'waiting for the response';
    connection.dispatch(
      {
        path: this.target.path,
        method: 'POST',
        headers: toFlatHeaders(this.request.headers, this.target),
        body: this.request.body,
        // Fixed, or a caller's Host header would make undici reconnect.
        servername: this.target.hostname,
      } as Dispatcher.DispatchOptions,
      this,
    );
  }

  /**
   * A server may close an idle connection just as the request is written. That is not the endpoint's failure, so it is
   * tried once more on a fresh connection. When the request was written, the server may in fact have read it before it
   * closed: the endpoint then sees it twice, as deliveries at least once allow.
   */
  private canRetry(error: Error): boolean {
    if (this.hasRetried || this.connection?.isReused !== true || isRefusedRequest(error)) {
      return false;
    }
    return !this.isWritten || (!this.hasResponseBytes && isPeerClosed(error));
  }

  private describeStage(): string {
    if (this.statusCode === 0) {
      return this.stage;
    }
    return `reading the body (status ${this.statusCode}, ${this.body.byteLength} bytes so far)`;
  }

  private respond(isTruncated: boolean): void {
    this.finish({
      kind: 'response',
      statusCode: this.statusCode,
      body: this.body.toBuffer(),
      isTruncated,
      ...(this.retryAfter === undefined ? {} : { retryAfter: this.retryAfter }),
      durationMs: this.elapsedMs(),
    });
  }

  private fail(reason: FailureReason, message: string): void {
    if (this.isDone) {
      return;
    }
    this.finish({ kind: 'failure', reason, message: toOutcomeMessage(message), durationMs: this.elapsedMs() });
    this.opening?.cancel();
    this.connection?.drop();
  }

  private finish(outcome: PostOutcome): void {
    this.isDone = true;
    clearTimeout(this.timer);
    this.request.signal?.removeEventListener('abort', this.onSignal);
    this.onOutcome(this, outcome);
  }

  private elapsedMs(): number {
    return Math.round(performance.now() - this.startedAt);
  }
}

function onDeadline(exchange: Exchange): void {
  exchange.expire();
}

function retryAfterIn(rawHeaders: Buffer[]): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 11 && name.toString('latin1').toLowerCase() === 'retry-after') {
      return rawHeaders[i + 1]?.toString('latin1', 0, MAX_RETRY_AFTER_LENGTH) ?? '';
    }
  }
  return undefined;
}
