import { setTimeout as sleep } from 'node:timers/promises';

const WORKERS = 50;
const REQUEST_TIMEOUT_MS = 10_000;

/** A message that the sender tried to post; `id` is there once it was acked. */
export interface PostedMessage {
  sequence: number;
  applicationId: string;
  /** Whether a failed post is repeated with the same idempotency key until it is acked. */
  isRepeated: boolean;
  posts: number;
  id?: string;
}

export interface SenderOptions {
  token: string;
  /** Chooses the application of a message by its number. */
  applicationOf: (sequence: number) => string;
  /** Messages a second while the server answers. */
  rate: number;
}

/**
 * Posts messages without pause, keeps book of every one, and survives a server that dies and comes back elsewhere.
 * Every second failed post is repeated with its idempotency key, the others are given up.
 */
export class MessageSender {
  readonly messages: PostedMessage[] = [];
  /** Answers other than 202 and broken connections, by kind. */
  readonly failures = new Map<string, number>();
  private url: string | undefined;
  private isStopping = false;
  private isAbandoned = false;
  private readonly workers: Promise<void>[] = [];

  constructor(private readonly options: SenderOptions) {}

  get acked(): PostedMessage[] {
    return this.messages.filter((message) => message.id !== undefined);
  }

  start(): void {
    for (let worker = 0; worker < WORKERS; worker++) {
      this.workers.push(this.work());
    }
  }

  /** Tells where the server is; undefined while it is down. */
  moveTo(url: string | undefined): void {
    this.url = url;
  }

  /** Finishes the posts that are under way, repeats included. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all(this.workers);
  }

  /** Gives up whatever is not acked yet. */
  async abandon(): Promise<void> {
    this.isAbandoned = true;
    await this.stop();
  }

  /** Posts an acked message again, as a client does that never saw the ack, and returns the id of the answer. */
  async repeat(message: PostedMessage): Promise<string> {
    return this.post(await this.waitForServer(), message);
  }

  private async work(): Promise<void> {
    const meanPauseMs = (1_000 * WORKERS) / this.options.rate;
    while (!this.isStopping) {
      const sequence = this.messages.length;
      const isRepeated = sequence % 2 === 0;
      const message = { sequence, applicationId: this.options.applicationOf(sequence), isRepeated, posts: 0 };
      this.messages.push(message);
      await this.deliver(message);
      await sleep(Math.random() * 2 * meanPauseMs);
    }
  }

  private async deliver(message: PostedMessage): Promise<void> {
    do {
      try {
        const url = await this.waitForServer();
        message.posts += 1;
        message.id = await this.post(url, message);
      } catch (error) {
        const kind = error instanceof Error ? error.message : String(error);
        this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
        await sleep(50);
      }
    } while (message.id === undefined && message.isRepeated && !this.isAbandoned);
  }

  private async waitForServer(): Promise<string> {
    while (this.url === undefined) {
      if (this.isAbandoned) {
        throw new Error('given up');
      }
      await sleep(10);
    }
    return this.url;
  }

  private async post(url: string, message: PostedMessage): Promise<string> {
    const response = await fetch(`${url}/api/v1/app/${message.applicationId}/msg`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.options.token}`,
        'content-type': 'application/json',
        'idempotency-key': `kill-test-${message.sequence}`,
      },
      body: JSON.stringify({ eventType: 'fault.kill', payload: { seq: message.sequence } }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.status !== 202) {
      // Without the id of the request, so that equal failures are counted together.
      throw new Error(`status ${response.status}: ${text.replace(/,?"requestId":"[^"]*"/, '').slice(0, 200)}`);
    }
    return (JSON.parse(text) as { id: string }).id;
  }
}
