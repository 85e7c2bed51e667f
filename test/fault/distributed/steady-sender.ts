import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';

const TICK_MS = 10;
const REQUEST_TIMEOUT_MS = 10_000;
/** A server that could not be reached is left alone for this long, as clients and load balancers do. */
const LEFT_ALONE_MS = 300;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 4_000;
/** A client that gets no ack for this long has a right to complain. */
const GIVE_UP_MS = 90_000;

/** A message on the book of the sender. */
export interface SentMessage {
  sequence: number;
  applicationId: string;
  posts: number;
  postedAtMs: number;
  /** Set together with `ackedAtMs`, when it was answered with 202. */
  id?: string;
  ackedAtMs?: number;
}

export interface SteadySenderOptions {
  token: string;
  /** Messages a second, whatever the servers do. */
  rate: number;
  /** Where to post: one after the other of those that can be reached. */
  urls: readonly string[];
  /** Chooses the application of a message by its number. */
  applicationOf: (sequence: number) => string;
}

/**
 * Posts messages at a constant rate and keeps book of every one. Each failed post is repeated with its idempotency key, as
 * the SDKs do, but until it is acked.
 */
export class SteadySender {
  readonly messages: SentMessage[] = [];
  /** Answers other than 202 and broken connections, by kind. */
  readonly failures = new Map<string, number>();
  private readonly agent = new Agent({ connections: 256, headersTimeout: REQUEST_TIMEOUT_MS });
  private readonly underWay = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private readonly leftAloneUntil = new Map<string, number>();
  private turn = 0;

  constructor(private readonly options: SteadySenderOptions) {}

  get acked(): SentMessage[] {
    return this.messages.filter((message) => message.id !== undefined);
  }

  get failed(): number {
    return [...this.failures.values()].reduce((sum, count) => sum + count, 0);
  }

  start(): void {
    const startedAtMs = Date.now();
    this.timer = setInterval(() => {
      const due = ((Date.now() - startedAtMs) * this.options.rate) / 1_000;
      while (this.messages.length < due) {
        this.post();
      }
    }, TICK_MS);
  }

  /** Posts nothing new, and waits for what is under way, repeats included. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.agent.destroy();
  }

  private post(): void {
    const sequence = this.messages.length;
    const applicationId = this.options.applicationOf(sequence);
    const message: SentMessage = { sequence, applicationId, posts: 0, postedAtMs: Date.now() };
    this.messages.push(message);
    const posting = this.postUntilAcked(message).finally(() => this.underWay.delete(posting));
    this.underWay.add(posting);
  }

  private async postUntilAcked(message: SentMessage): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (message.id === undefined && Date.now() - message.postedAtMs < GIVE_UP_MS) {
      const url = await this.nextUrl();
      try {
        message.posts++;
        message.id = await this.postOnce(url, message);
        message.ackedAtMs = Date.now();
      } catch (error) {
        const kind = error instanceof Error ? error.message : String(error);
        if (!kind.startsWith('status')) {
          this.leftAloneUntil.set(url, Date.now() + LEFT_ALONE_MS);
        }
        this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
        await sleep(pauseMs * (0.5 + Math.random()));
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
  }

  /** The next one of those that answered when they were last asked; waits while there is none. */
  private async nextUrl(): Promise<string> {
    const { urls } = this.options;
    for (;;) {
      const candidates = urls.map((_, index) => urls[(this.turn + index) % urls.length] ?? '');
      this.turn++;
      const url = candidates.find((candidate) => Date.now() >= (this.leftAloneUntil.get(candidate) ?? 0));
      if (url !== undefined) {
        return url;
      }
      await sleep(LEFT_ALONE_MS * Math.random());
    }
  }

  private async postOnce(url: string, { sequence, applicationId }: SentMessage): Promise<string> {
    const { token } = this.options;
    const { statusCode, body } = await request(`${url}/api/v1/app/${applicationId}/msg`, {
      method: 'POST',
      dispatcher: this.agent,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': `fault-${sequence}`,
      },
      body: JSON.stringify({ eventType: 'fault.distributed', payload: { seq: sequence } }),
    });
    const text = await body.text();
    if (statusCode !== 202) {
      // Without the id of the request, so that equal failures are counted together.
      throw new Error(`status ${statusCode}: ${text.replace(/,?"requestId":"[^"]*"/, '').slice(0, 200)}`);
    }
    return (JSON.parse(text) as { id: string }).id;
  }
}
