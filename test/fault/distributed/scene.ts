import { timeOfId } from '@libs/sortable-id/sortable-id';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Receiver, type ReceivedRequest, type ScriptedResponse, startReceiver } from '../../support/receiver';
import { RestClient } from '../../support/rest-client';
import { DeliveryLog, explainingKill, type Kill } from '../delivery-log';
import { type Cluster } from './cluster';
import { type SentMessage, SteadySender } from './steady-sender';

/** Messages a second; the budget of every case asks for 300 at least. */
const RATE = 320;
/** How long the receiver thinks about an answer, by path. The longest is more than a batch waits for. */
const DELAYS_MS: Record<string, number> = { '/slow': 300, '/slower': 1_300 };
const WARM_UP_MS = 1_500;
/** An outcome that is older than this must have been recorded, also by a process that has just begun, on a busy machine. */
const RECORDING_MS = 3_000;
/** Bytes that a killed process had written already arrive within this time. */
const LAST_BYTES_MS = 150;

/** Successful deliveries that were made again. */
export interface Repetitions {
  /** A worker was killed or frozen between the answer and its record. */
  afterKills: number;
  /** The attempt ended without an answer, by its record: it came too late, or its connection broke. */
  afterLostAnswers: number;
  /** There is no excuse for these. */
  unexplained: string[];
}

interface RecordedAttempt {
  at: number;
  ms: number;
  /** 0 when there was no answer. */
  status: number;
}

interface Application {
  id: string;
  /** Id of each endpoint by the path it has at the receiver. */
  endpoints: Map<string, string>;
}

/**
 * A cluster under a constant load, with a book of what was posted and one of what arrived. Paths at the receiver tell how
 * it answers: some take their time, `/flaky` refuses each message once, all others take it at once.
 */
export class Scene {
  readonly log = new DeliveryLog();
  /** What a case found wrong. */
  readonly problems: string[] = [];
  /** When processes that deliver were killed or frozen: what they had not written down is delivered again. */
  readonly kills: Kill[] = [];
  /** Requests that the receiver had not answered then, of all workers. */
  underWayAtKills = 0;
  private readonly lag = monitorEventLoopDelay({ resolution: 20 });
  private applications: Application[] = [];
  private longestGapMs = 0;
  private sendingUrls: string[];

  private constructor(
    readonly cluster: Cluster,
    private readonly receiver: Receiver,
    readonly sender: SteadySender,
    urls: string[],
  ) {
    this.sendingUrls = urls;
  }

  /** `urls` is where messages are posted: the api processes, unless something is in front of them. */
  static async start(cluster: Cluster, urls = cluster.apis.map(({ url }) => url)): Promise<Scene> {
    const receiver = await startReceiver({ respond: (request) => scene.answer(request), record: false });
    const applicationOf = (sequence: number): string => scene.applicationOf(sequence).id;
    const sender = new SteadySender({ token: cluster.token, rate: RATE, urls, applicationOf });
    const scene = new Scene(cluster, receiver, sender, urls);
    scene.applications = [
      await scene.createApplication('/quick'),
      await scene.createApplication('/slow', '/slower'),
      await scene.createApplication('/flaky', '/quick-too'),
    ];
    scene.lag.enable();
    sender.start();
    await sleep(WARM_UP_MS);
    return scene;
  }

  /** Says that something is not as it must be; the case goes on. */
  problem(text: string): void {
    this.problems.push(text);
  }

  /** Notes that what a worker had under way until now may be delivered again. */
  noteLoss(killedAt: number): void {
    this.underWayAtKills += this.receiver.inFlight;
    this.kills.push({ killedAt, goneAt: Date.now() + LAST_BYTES_MS });
  }

  async stopPosting(): Promise<void> {
    await this.sender.stop();
    this.longestGapMs = this.log.longestGapMs;
  }

  async close(): Promise<void> {
    this.lag.disable();
    await this.sender.close();
    await this.receiver.close();
  }

  /** How long the test itself was busy at most, so that what arrived had to wait for being noticed, in ms. */
  get longestLagMs(): number {
    return Math.round(this.lag.max / 1e6);
  }

  get longestGap(): number {
    return this.longestGapMs;
  }

  /** Acked messages and the endpoints that they have not reached. */
  undelivered(messages: readonly SentMessage[] = this.sender.acked): string[] {
    return messages.flatMap(({ id = '', sequence, posts, ackedAtMs = 0 }) =>
      [...this.applicationOf(sequence).endpoints.keys()]
        .filter((path) => !this.log.hasArrived(id, path))
        .map((path) => `${id} (post ${posts} acked ${Date.now() - ackedAtMs} ms ago) to ${path}`),
    );
  }

  /** Milliseconds from ack to the first success, for each delivery, in rising order; the slow endpoints' thinking aside. */
  latenesses(messages: readonly SentMessage[] = this.sender.acked): number[] {
    return messages
      .flatMap(({ id = '', sequence, ackedAtMs = 0 }) =>
        [...this.applicationOf(sequence).endpoints.keys()].map((path) => {
          const arrival = this.log.firstArrival(id, path);
          return arrival === undefined ? Infinity : Math.max(0, arrival.at - ackedAtMs);
        }),
      )
      .sort((a, b) => a - b);
  }

  /** Successes that were sent again, by cause. */
  async repetitions(): Promise<Repetitions> {
    const found: Repetitions = { afterKills: 0, afterLostAnswers: 0, unexplained: [] };
    const attempts = await this.attempts();
    const kills = this.kills.map((kill) => ({ ...kill, goneAt: kill.goneAt + this.longestLagMs }));
    for (const repetition of this.log.repetitions()) {
      const { messageId, path, first, second } = repetition;
      const recorded = attempts.get(`${messageId} ${path}`) ?? [];
      if (explainingKill(repetition, kills, RECORDING_MS) !== -1) {
        found.afterKills++;
      } else if (isRetried(recorded, this.log.arrivals(messageId, path))) {
        found.afterLostAnswers++;
      } else {
        const tries = recorded.map(
          ({ at, ms, status }) => `${at - first.at} ms (took ${ms}: ${status || 'no answer'})`,
        );
        const killedAt = kills.map((kill) => kill.killedAt - first.at).filter((ms) => Math.abs(ms) < 30_000);
        found.unexplained.push(
          `${messageId} to ${path} at ${first.at} and ${second.at - first.at} ms later; attempts at ${tries.join(', ')}; kills at ${killedAt.join(', ')}`,
        );
      }
    }
    return found;
  }

  /** Posts of which the servers made more than one message. */
  doubledPosts(): string[] {
    return this.sender.messages
      .filter(({ sequence }) => this.log.idsOf(sequence).length > 1)
      .map(({ sequence, posts }) => `post ${sequence}, made ${posts} times: ${this.log.idsOf(sequence).join(' ')}`);
  }

  /** Deliveries of acked messages without a recorded success, by the database. */
  async unrecorded(): Promise<string[]> {
    const { databaseUrl, postgres } = this.cluster;
    const rows = await postgres.query<{ key: string }>(
      databaseUrl,
      `SELECT DISTINCT message_id || ' ' || endpoint_id AS key FROM attempt WHERE is_success`,
    );
    const recorded = new Set(rows.map(({ key }) => key));
    return this.sender.acked.flatMap(({ id = '', sequence }) =>
      [...this.applicationOf(sequence).endpoints]
        .filter(([, endpointId]) => !recorded.has(`${id} ${endpointId}`))
        .map(([path]) => `${id} to ${path}`),
    );
  }

  /** Rows of work that is not finished. */
  async leftOver(): Promise<Record<string, string>> {
    const { databaseUrl, postgres } = this.cluster;
    const rows = await postgres.query<Record<string, string>>(
      databaseUrl,
      'SELECT (SELECT count(*) FROM dispatch) AS dispatches, (SELECT count(*) FROM pending_delivery) AS deliveries',
    );
    return rows[0] ?? {};
  }

  /** The attempts that are recorded, by message and path. */
  private async attempts(): Promise<Map<string, RecordedAttempt[]>> {
    const { databaseUrl, postgres } = this.cluster;
    const rows = await postgres.query<{ id: string; key: string; ms: number; status: number }>(
      databaseUrl,
      `SELECT id, message_id || ' ' || regexp_replace(url, '^.*/', '/') AS key, response_duration_ms AS ms,
         response_status_code AS status
       FROM attempt ORDER BY id`,
    );
    const attempts = new Map<string, RecordedAttempt[]>();
    for (const { id, key, ms, status } of rows) {
      attempts.set(key, [...(attempts.get(key) ?? []), { at: timeOfId(id), ms, status }]);
    }
    return attempts;
  }

  private answer(request: ReceivedRequest): ScriptedResponse {
    if (request.path === '/flaky' && this.log.isFirstTime(request)) {
      return { status: 500 };
    }
    const delayMs = DELAYS_MS[request.path] ?? 0;
    this.log.accept(request, delayMs);
    return { delayMs };
  }

  private async createApplication(...paths: string[]): Promise<Application> {
    const client = new RestClient(this.sendingUrls[0] ?? '', this.cluster.token);
    const id = await client.createApplication(`fault test ${paths.join(' ')}`);
    const endpoints = new Map<string, string>();
    for (const path of paths) {
      endpoints.set(path, await client.createEndpoint(id, `${this.receiver.url}${path}`));
    }
    return { id, endpoints };
  }

  /** Most messages go where all is well; the slow endpoints get no more than they can take. */
  private applicationOf(sequence: number): Application {
    const share = sequence % 20;
    const [quick, slow, flaky] = this.applications as [Application, Application, Application];
    return share < 15 ? quick : share < 17 ? slow : flaky;
  }
}

/** True when every request is on record, and all but the last because no success was known: the receiver's answer was lost. */
function isRetried(attempts: readonly RecordedAttempt[], arrivals: number): boolean {
  const successes = attempts.filter(({ status }) => status >= 200 && status < 300);
  return successes.length <= 1 && arrivals <= attempts.length;
}
