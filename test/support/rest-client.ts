import { callApi } from './api';

/** An entry of an attempts list, as far as tests and load tests look at it. */
export interface ListedAttempt {
  id: string;
  msgId: string;
  endpointId: string;
  /** 0 success, 1 pending, 2 fail, 3 sending. */
  status: number;
}

interface Page {
  data: ListedAttempt[];
  iterator: string | null;
  done: boolean;
}

const PAGE_SIZE = 250;

/** The few REST calls that set up and check a run; throws on every answer that is not 2xx. */
export class RestClient {
  constructor(
    private readonly baseUrl: string,
    private readonly token: string,
  ) {}

  async createApplication(name: string): Promise<string> {
    const application = await this.call<{ id: string }>('POST', '/app', { name });
    return application.id;
  }

  /** Creates an endpoint that takes every event type and returns its id. */
  async createEndpoint(applicationId: string, url: string): Promise<string> {
    const endpoint = await this.call<{ id: string }>('POST', `/app/${applicationId}/endpoint`, { url });
    return endpoint.id;
  }

  /** Pages through all recorded attempts of an endpoint, newest first. */
  async *attemptsOf(applicationId: string, endpointId: string): AsyncGenerator<ListedAttempt[]> {
    const path = `/app/${applicationId}/attempt/endpoint/${endpointId}?limit=${PAGE_SIZE}&with_content=false`;
    let page = await this.call<Page>('GET', path);
    yield page.data;
    while (!page.done && page.iterator) {
      page = await this.call<Page>('GET', `${path}&iterator=${page.iterator}`);
      yield page.data;
    }
  }

  /** The recorded attempts of one message (the first page), newest first. */
  async attemptsOfMessage(applicationId: string, messageId: string): Promise<ListedAttempt[]> {
    return (await this.call<Page>('GET', `/app/${applicationId}/attempt/msg/${messageId}`)).data;
  }

  private async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await callApi<T>(this.baseUrl, this.token, method, path, body);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text.slice(0, 500)}`);
    }
    return answer.body;
  }
}
