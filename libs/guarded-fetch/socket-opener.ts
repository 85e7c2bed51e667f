import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { FetchFailure } from './fetch-failure';
import { type RequestTarget } from './request-target';

/** RFC 8305: how long one address may take before the next one is tried beside it. */
const NEXT_ADDRESS_AFTER_MS = 250;
const MAX_SESSIONS = 1_000;

/** A connection that is being made. */
export interface OpeningSocket {
  /** Rejects with a FetchFailure: connection or tls. */
  readonly socket: Promise<Socket>;
  /** Gives up and closes whatever was opened; `socket` may then never settle. */
  cancel(): void;
}

/**
 * Opens TCP and TLS connections to addresses that were already checked.
 *
 * Addresses are always literals here, so nothing is resolved a second time between check and connection. Several are
 * tried in order, a quarter of a second apart, and the first that connects wins ("happy eyeballs").
 */
export class SocketOpener {
  private readonly sessions = new LRUCache<string, Buffer>({ max: MAX_SESSIONS });

  constructor(private readonly secureContext: SecureContext) {}

  /** `onConnected` is called when TCP is up and the TLS handshake begins. */
  open(target: RequestTarget, addresses: readonly string[], onConnected: () => void): OpeningSocket {
    const race = new ConnectionRace(addresses, target.port);
    const opened: Socket[] = [];
    let isCancelled = false;
    const socket = race.start().then((tcp) => {
      opened.push(tcp);
      if (isCancelled) {
        tcp.destroy();
      }
      if (!target.isTls) {
        return tcp;
      }
      onConnected();
      return this.secure(tcp, target, opened);
    });
    const cancel = (): void => {
      isCancelled = true;
      race.cancel();
      opened.forEach((one) => one.destroy());
    };
    return { socket, cancel };
  }

  private secure(tcp: Socket, target: RequestTarget, opened: Socket[]): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const sessionKey = target.origin;
      const secured = connectTls({
        socket: tcp,
        secureContext: this.secureContext,
        // SNI must not carry an address; the certificate is checked against `host` in any case.
        ...(target.isLiteral ? {} : { servername: target.hostname }),
        host: target.hostname,
        ALPNProtocols: ['http/1.1'],
        session: this.sessions.get(sessionKey),
      });
      opened.push(secured);
      secured.on('session', (session: Buffer) => this.sessions.set(sessionKey, session));
      secured.once('secureConnect', () => resolve(secured));
      secured.on('error', (error: Error & { reason?: string }) => {
        // OpenSSL's `reason` is the readable part of its message.
        const message = `TLS handshake failed: ${error.reason ?? error.message}`;
        reject(new FetchFailure('tls', message, { cause: error }));
      });
      secured.once('close', () =>
        reject(new FetchFailure('tls', 'the connection was closed during the TLS handshake')),
      );
    });
  }
}

class ConnectionRace {
  private readonly pending = new Set<Socket>();
  private next = 0;
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(
    private readonly addresses: readonly string[],
    private readonly port: number,
  ) {}

  start(): Promise<Socket> {
    return new Promise((resolve, reject) => this.tryNext(resolve, reject));
  }

  cancel(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    this.pending.forEach((socket) => socket.destroy());
    this.pending.clear();
  }

  private tryNext(resolve: (socket: Socket) => void, reject: (error: Error) => void): void {
    clearTimeout(this.timer);
    const host = this.addresses[this.next++];
    if (host === undefined || this.isOver) {
      return;
    }
    const socket = connectTcp({ host, port: this.port, noDelay: true });
    this.pending.add(socket);
    socket.once('connect', () => {
      this.pending.delete(socket);
      this.cancel();
      resolve(socket);
    });
    // Stays attached for the life of the socket: whatever happens to it later, no error is ever unhandled.
    socket.on('error', (error) => {
      if (this.pending.delete(socket) && !this.isOver) {
        this.onFailed(error, resolve, reject);
      }
    });
    if (this.next < this.addresses.length) {
      this.timer = setTimeout(() => this.tryNext(resolve, reject), NEXT_ADDRESS_AFTER_MS);
    }
  }

  private onFailed(error: Error, resolve: (socket: Socket) => void, reject: (error: Error) => void): void {
    if (this.next < this.addresses.length) {
      this.tryNext(resolve, reject);
    } else if (this.pending.size === 0) {
      reject(new FetchFailure('connection', error.message, { cause: error }));
    }
  }
}
