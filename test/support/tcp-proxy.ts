import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port';

/** A way between two processes that can be cut, delayed and reset. */
export class TcpProxy {
  private readonly server: Server;
  private readonly pairs = new Set<[Socket, Socket]>();
  private isCut = false;
  private delayMs = 0;

  private constructor(
    readonly port: number,
    private readonly targetPort: number,
  ) {
    // allowHalfOpen: the end of one direction passes through like data, after what came before it.
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(await freePort(), targetPort);
    await new Promise<void>((resolve, reject) => {
      proxy.server.once('error', reject);
      proxy.server.listen(proxy.port, '127.0.0.1', resolve);
    });
    return proxy;
  }

  /** Nothing passes any more, and nobody is told: new connections hang, and what is sent waits. */
  cut(): void {
    this.isCut = true;
    this.forEachSocket((socket) => socket.pause());
  }

  /** What waits arrives now, as TCP makes it do after a short interruption. */
  heal(): void {
    this.isCut = false;
    this.forEachSocket((socket) => socket.resume());
  }

  /** Each packet takes this long, in both directions. */
  delay(ms: number): void {
    this.delayMs = ms;
  }

  /** Every connection ends with a TCP reset; what was under way is lost. */
  reset(): void {
    this.forEachSocket((socket) => socket.resetAndDestroy());
    this.pairs.clear();
  }

  async close(): Promise<void> {
    this.heal();
    this.reset();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private accept(near: Socket): void {
    const far = connect({ port: this.targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const pair: [Socket, Socket] = [near, far];
    this.pairs.add(pair);
    this.pass(near, far);
    this.pass(far, near);
    const end = (): void => {
      this.pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) {
      socket.on('error', end);
      if (this.isCut) {
        socket.pause();
      }
    }
    let open = 2;
    const closed = (): void => void (--open === 0 && this.pairs.delete(pair));
    near.on('close', closed);
    far.on('close', closed);
  }

  private pass(from: Socket, to: Socket): void {
    const line = new Line(() => this.delayMs);
    from.on('data', (chunk) => line.add(() => void (to.writable && to.write(chunk))));
    from.on('end', () => line.add(() => to.end()));
  }

  private forEachSocket(action: (socket: Socket) => void): void {
    for (const pair of this.pairs) {
      pair.forEach(action);
    }
  }
}

/** One direction of a connection: what is added happens later, and in order also when the delay changes. */
class Line {
  private readonly waiting: { atMs: number; action: () => void }[] = [];

  constructor(private readonly delayMs: () => number) {}

  add(action: () => void): void {
    const delayMs = this.delayMs();
    if (delayMs === 0 && this.waiting.length === 0) {
      action();
      return;
    }
    this.waiting.push({ atMs: Date.now() + delayMs, action });
    if (this.waiting.length === 1) {
      this.schedule();
    }
  }

  private schedule(): void {
    const [next] = this.waiting;
    if (next !== undefined) {
      setTimeout(
        () => {
          this.waiting.shift()?.action();
          this.schedule();
        },
        Math.max(0, next.atMs - Date.now()),
      );
    }
  }
}
