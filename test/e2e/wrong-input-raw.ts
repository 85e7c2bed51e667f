import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  text: string;
}

const TIMEOUT_MS = 10_000;

/** One connection on which a test writes what no HTTP client would. */
export class RawConnection {
  private received = Buffer.alloc(0);
  private isClosed = false;
  private error: Error | undefined;
  private wake: () => void = () => undefined;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    socket.on('error', (error) => (this.error = error));
    socket.on('close', () => {
      this.isClosed = true;
      this.wake();
    });
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const connection = new RawConnection(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return connection;
  }

  /** Writes text as Latin-1, so that any byte can be written. Resolves when the other side has taken it. */
  write(data: string | Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  /** The next answer; those with a status below 200 are answers too. `hasBody` is false for answers to HEAD. */
  async next(hasBody = true): Promise<RawAnswer> {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      const answer = this.take(hasBody);
      if (answer !== undefined) {
        return answer;
      }
      if (this.isClosed) {
        throw new Error(`The connection was closed before an answer came: ${this.error?.message ?? 'no error'}`);
      }
      await this.change(deadline);
    }
  }

  /** Resolves when the server has closed the connection. */
  async closed(): Promise<void> {
    const deadline = Date.now() + TIMEOUT_MS;
    while (!this.isClosed) {
      await this.change(deadline);
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private take(hasBody: boolean): RawAnswer | undefined {
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd === -1) {
      return undefined;
    }
    const [statusLine = '', ...lines] = this.received.subarray(0, headEnd).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const bodyStart = headEnd + 4;
    const bodyEnd = bodyStart + (hasBody ? Number(headers['content-length'] ?? 0) : 0);
    if (this.received.length < bodyEnd) {
      return undefined;
    }
    const text = this.received.subarray(bodyStart, bodyEnd).toString('utf8');
    this.received = this.received.subarray(bodyEnd);
    return { status: Number(statusLine.split(' ')[1]), headers, text };
  }

  private async change(deadline: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('Nothing came within 10 s.')), deadline - Date.now());
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Writes one request on a connection of its own and returns the answer. */
export async function sendRaw(url: string, ...parts: (string | Buffer)[]): Promise<RawAnswer> {
  const connection = await RawConnection.open(url);
  try {
    for (const part of parts) {
      await connection.write(part);
    }
    return await connection.next(!String(parts[0]).startsWith('HEAD'));
  } finally {
    connection.close();
  }
}
