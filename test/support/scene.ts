import { randomBytes } from 'node:crypto';
import { Svix } from 'svix';
import { DataSource } from 'typeorm';
import { type ApiAnswer, callApi } from './api';
import { type Receiver, startReceiver } from './receiver';
import { startTestApp, type TestApp } from './test-app';
import { type TestDatabase } from './test-database';

/** A customer with one endpoint at a path of the receiver that nobody else uses. */
export interface Customer {
  appId: string;
  endpointId: string;
  /** Path of its endpoint at the receiver. */
  path: string;
  /** The signing secret, `whsec_...` or `whpk_...`. */
  secret: string;
}

/** An attempt as the API shows it. */
export interface AttemptView {
  id: string;
  msgId: string;
  endpointId: string;
  url: string;
  response: string;
  responseStatusCode: number;
  responseDurationMs: number;
  status: number;
  statusText: string;
  triggerType: number;
  timestamp: string;
  msg?: Record<string, unknown>;
}

/** One page of a list of the API. */
export interface PageView<T> {
  data: T[];
  iterator: string | null;
  prevIterator?: string;
  done: boolean;
}

/** The whole program, a receiver of its webhooks, and an SDK: what tests of deliveries begin with. */
export class Scene {
  readonly svix: Svix;

  private constructor(
    readonly server: TestApp,
    readonly receiver: Receiver,
  ) {
    this.svix = new Svix(server.token(), { serverUrl: server.url });
  }

  static async start(env: Record<string, string> = {}, database?: TestDatabase): Promise<Scene> {
    return Scene.on(await startTestApp(env, database));
  }

  /** Around a program that runs already; `stop` ends that, too. */
  static async on(server: TestApp): Promise<Scene> {
    return new Scene(server, await startReceiver());
  }

  /** Closes the receiver first: attempts that hang end with it, and the program need not wait for them. */
  async stop(): Promise<void> {
    await this.receiver.close();
    await this.server.stop();
  }

  /** A path of the receiver that nobody else uses. */
  newPath(): string {
    return `/${randomBytes(6).toString('hex')}`;
  }

  /** Makes an application with one endpoint; `endpoint` adds fields to it. */
  async newCustomer(endpoint: Record<string, unknown> = {}, path = this.newPath()): Promise<Customer> {
    const { id: appId } = await this.svix.application.create({ name: 'customer' });
    const endpointId = await this.newEndpoint(appId, { url: this.receiver.url + path, ...endpoint });
    return { appId, endpointId, path, secret: (await this.svix.endpoint.getSecret(appId, endpointId)).key };
  }

  async newEndpoint(appId: string, fields: Record<string, unknown>): Promise<string> {
    return (await this.ok<{ id: string }>('POST', `/app/${appId}/endpoint`, fields)).id;
  }

  /** Posts a message and returns its id. */
  async send(appId: string, message: Record<string, unknown> = {}): Promise<string> {
    const body = { eventType: 'invoice.paid', payload: {}, ...message };
    return (await this.ok<{ id: string }>('POST', `/app/${appId}/msg`, body)).id;
  }

  call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
    token = this.server.token(),
  ): Promise<ApiAnswer<T>> {
    return callApi<T>(this.server.url, token, method, path, body, headers);
  }

  /** As `call`, for calls that must succeed; returns the body. */
  async ok<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.call<T>(method, path, body);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text.slice(0, 500)}`);
    }
    return answer.body;
  }

  /** The attempts of a message, oldest first. */
  async attempts(appId: string, messageId: string): Promise<AttemptView[]> {
    const page = await this.ok<PageView<AttemptView>>('GET', `/app/${appId}/attempt/msg/${messageId}`);
    return page.data.reverse();
  }

  sql<T = Record<string, unknown>>(statement: string, parameters: unknown[] = []): Promise<T[]> {
    return this.server.app.get(DataSource).query<T[]>(statement, parameters);
  }
}
