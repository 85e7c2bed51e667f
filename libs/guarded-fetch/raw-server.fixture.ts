import { createServer, type Server, type Socket } from 'node:net';
import { type AddressInfo } from 'node:net';

/** Called once a whole request has arrived; `count` is its number on this connection, from 1. */
export type RawHandler = (socket: Socket, request: string, count: number) => void;

/** A TCP server on a random loopback port that does to a client whatever a test wants. For tests only. */
export class RawServer {
  readonly requests: string[] = [];
  connectionCount = 0;
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  constructor(private readonly handler: RawHandler) {
    this.server = createServer((socket) => this.onConnection(socket));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  get openConnectionCount(): number {
    return this.sockets.size;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => this.server.close(resolve));
  }

  private onConnection(socket: Socket): void {
    this.connectionCount++;
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => undefined);
    let received = Buffer.alloc(0);
    let count = 0;
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      for (let length = requestLength(received); length <= received.length; length = requestLength(received)) {
        const request = received.toString('latin1', 0, length);
        received = received.subarray(length);
        this.requests.push(request);
        this.handler(socket, request, ++count);
      }
    });
  }
}

/** The length of the first request, or Infinity while it is incomplete. */
function requestLength(received: Buffer): number {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd === -1) {
    return Infinity;
  }
  const match = /content-length: (\d+)/i.exec(received.toString('latin1', 0, headEnd));
  return headEnd + 4 + Number(match?.[1] ?? 0);
}
