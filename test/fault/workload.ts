import { DeliveryLog } from './delivery-log';
import { MessageSender, type PostedMessage } from './message-sender';
import { type FaultCase } from './report';
import { createDataDir, removeDataDir } from '../support/data-dir';
import { createToken, type PosthornProcess, type ServerEnv, startPosthorn } from '../support/posthorn-process';
import { type Receiver, type ScriptedResponse, type ReceivedRequest, startReceiver } from '../support/receiver';
import { RestClient } from '../support/rest-client';

const RATE = 500;
const SLOW_MS = 300;
const SUCCESS = 0;

interface Application {
  id: string;
  /** Id of each endpoint by the path it has at the receiver. */
  endpoints: Map<string, string>;
}

/**
 * A server under load: 500 messages a second of three applications. Paths at the receiver tell how it answers: `/slow`
 * takes its time, `/flaky` refuses each message once, all others take it at once.
 */
export class Workload {
  readonly log = new DeliveryLog();
  private client: RestClient;
  private applications: Application[] = [];
  private longestGapMs = 0;

  private constructor(
    readonly env: ServerEnv,
    readonly dataDir: string,
    readonly receiver: Receiver,
    public server: PosthornProcess,
    private readonly token: string,
    readonly sender: MessageSender,
  ) {
    this.client = new RestClient(server.url, token);
  }

  /** Starts a server on a fresh folder; `paths` are those of the third application, which gets 15 % of the messages. */
  static async start(paths: string[], env: ServerEnv = {}): Promise<Workload> {
    const dataDir = await createDataDir();
    const complete = {
      DATA_DIR: dataDir,
      EGRESS_ALLOW_SUBNETS: '127.0.0.0/8',
      RETRY_SCHEDULE: '1,1,2',
      REQUEST_TIMEOUT_SECONDS: '5',
      ...env,
    };
    const receiver = await startReceiver({ respond: (request) => workload.answer(request), record: false });
    const server = await startPosthorn({ env: complete });
    const token = await createToken(complete);
    const applicationOf = (sequence: number): string => workload.applicationOf(sequence).id;
    const sender = new MessageSender({ token, rate: RATE, applicationOf });
    const workload = new Workload(complete, dataDir, receiver, server, token, sender);
    workload.applications = [
      await workload.createApplication('/quick-a', '/quick-b'),
      await workload.createApplication('/slow', '/quick-c'),
      await workload.createApplication(...paths),
    ];
    return workload;
  }

  /** Starts a new server in the place of one that has ended. */
  async restart(): Promise<void> {
    this.server = await startPosthorn({ env: this.env });
    this.client = new RestClient(this.server.url, this.token);
  }

  /** Posts no more, and waits for the posts that are under way, repeats included. */
  async stopPosting(): Promise<void> {
    this.sender.moveTo(this.server.url);
    await this.sender.stop();
    this.longestGapMs = this.log.longestGapMs;
  }

  /** Stops everything and removes the folder, a PostgreSQL that was left running included. */
  async close(): Promise<void> {
    this.sender.moveTo(undefined);
    this.server.kill('SIGKILL');
    await this.server.waitExit();
    // A test that failed may have left it waiting for a server.
    await this.sender.abandon();
    await this.receiver.close();
    await removeDataDir(this.dataDir);
  }

  /** Acked messages and the endpoints that they have not reached. */
  undelivered(messages: readonly PostedMessage[] = this.sender.acked): string[] {
    return messages.flatMap(({ id = '', sequence }) =>
      [...this.applicationOf(sequence).endpoints.keys()]
        .filter((path) => !this.log.hasArrived(id, path))
        .map((path) => `${id} to ${path}`),
    );
  }

  /** Deliveries of acked messages whose number of recorded successes is not one. */
  async wronglyRecorded(): Promise<string[]> {
    const { successes } = await this.recorded();
    return this.sender.acked.flatMap(({ id = '', sequence }) =>
      [...this.applicationOf(sequence).endpoints]
        .map(([path, endpointId]) => ({ path, count: successes.get(`${id} ${endpointId}`) ?? 0 }))
        .filter(({ count }) => count !== 1)
        .map(({ path, count }) => `${id} to ${path}: ${count} successes`),
    );
  }

  /** All recorded attempts: successes by message and endpoint, and the ids of those that are no success. */
  async recorded(): Promise<{ successes: Map<string, number>; others: string[] }> {
    const successes = new Map<string, number>();
    const others: string[] = [];
    for (const application of this.applications) {
      for (const endpointId of application.endpoints.values()) {
        for await (const page of this.client.attemptsOf(application.id, endpointId)) {
          for (const { id, msgId, status } of page) {
            if (status === SUCCESS) {
              const key = `${msgId} ${endpointId}`;
              successes.set(key, (successes.get(key) ?? 0) + 1);
            } else {
              others.push(id);
            }
          }
        }
      }
    }
    return { successes, others };
  }

  summary(name: string, details: Record<string, unknown>): FaultCase {
    const acked = this.sender.acked;
    const lost = acked.filter((message) => this.undelivered([message]).length > 0).length;
    return {
      case: name,
      acked: acked.length,
      delivered: acked.length - lost,
      lost,
      duplicates: this.log.repetitions().length,
      longestGapMs: this.longestGapMs,
      details: { posted: this.sender.messages.length, failures: Object.fromEntries(this.sender.failures), ...details },
    };
  }

  private answer(request: ReceivedRequest): ScriptedResponse {
    if (request.path === '/flaky' && this.log.isFirstTime(request)) {
      return { status: 500 };
    }
    const delayMs = request.path === '/slow' ? SLOW_MS : 0;
    this.log.accept(request, delayMs);
    return { delayMs };
  }

  private async createApplication(...paths: string[]): Promise<Application> {
    const id = await this.client.createApplication(`fault test ${paths.join(' ')}`);
    const endpoints = new Map<string, string>();
    for (const path of paths) {
      endpoints.set(path, await this.client.createEndpoint(id, `${this.receiver.url}${path}`));
    }
    return { id, endpoints };
  }

  /** Most messages go where all is well; a slow endpoint gets no more than it can take. */
  private applicationOf(sequence: number): Application {
    const share = sequence % 20;
    const [quick, slow, third] = this.applications as [Application, Application, Application];
    return share < 14 ? quick : share < 17 ? slow : third;
  }
}
