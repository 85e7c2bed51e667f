import { type Socket } from 'node:net';
import { Client, type Dispatcher } from 'undici';

/** Ends an exchange by closing its connection; the code must not be one that makes undici requeue the request. */
class ConnectionDropped extends Error {
  readonly code = 'ERR_CONNECTION_DROPPED';
}

/** Sizes and times that every connection obeys. */
export interface ConnectionLimits {
  readonly maxHeaderBytes: number;
  readonly keepAliveMs: number;
  /** What one exchange may receive in all, heads and framing included. */
  readonly maxExchangeBytes: number;
}

/**
 * One socket with the undici Client that speaks HTTP/1.1 over it, one exchange at a time.
 *
 * undici's Pool and Agent are not used: they cannot say whether a socket was reused, cannot abort a request whose
 * connection is still being made, and bound neither idle sockets nor origins.
 */
export class Connection {
  isReused = false;
  readonly openedAt = performance.now();
  private readonly client: Client;
  private byteLimit = Infinity;
  private isHandedOver = false;

  constructor(
    readonly origin: string,
    private readonly socket: Socket,
    private readonly limits: ConnectionLimits,
    onClosed: (connection: Connection) => void,
  ) {
    // Before undici's own listener, so that a flood is cut before it is parsed.
    socket.on('readable', () => this.enforceByteLimit());
    socket.once('close', () => onClosed(this));
    this.client = new Client(origin, {
      connect: (_options, callback) => this.handOver(callback),
      maxHeaderSize: limits.maxHeaderBytes,
      keepAliveTimeout: limits.keepAliveMs,
      keepAliveMaxTimeout: limits.keepAliveMs,
      // One deadline of our own covers everything.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** False once either side has begun to close it. */
  get isUsable(): boolean {
    return !this.socket.destroyed && !this.socket.readableEnded && !this.socket.writableEnded;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.byteLimit = this.socket.bytesRead + this.limits.maxExchangeBytes;
    this.client.dispatch(options, handler);
  }

  /** Closes the socket at once; the handler of a running exchange is told, and nothing is sent again. */
  drop(): void {
    this.socket.destroy(new ConnectionDropped('the exchange is over'));
  }

  private handOver(callback: (...result: [null, Socket] | [Error, null]) => void): void {
    // Asked a second time, undici wants to reconnect because the socket went away before it wrote the request.
    const isFirst = !this.isHandedOver;
    this.isHandedOver = true;
    // undici misses a connection that is there before connect() has returned.
    queueMicrotask(() => {
      if (isFirst) {
        callback(null, this.socket);
      } else {
        callback(new ConnectionDropped('the connection was closed before the request was sent'), null);
      }
    });
  }

  /**
   * Heads and bodies are bounded elsewhere; chunk extensions, reason phrases and empty lines are not, and the parser
   * swallows them for ever without telling anybody.
   */
  private enforceByteLimit(): void {
    if (this.socket.bytesRead > this.byteLimit) {
      this.socket.destroy(Object.assign(new Error('the response is far larger than its body'), { code: 'HPE_FLOOD' }));
    }
  }
}
