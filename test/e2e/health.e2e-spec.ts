import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { callApi } from '../support/api';
import { eventually } from '../support/eventually';
import { startTestApp, type TestApp } from '../support/test-app';
import { createTestDatabase, type TestDatabase } from '../support/test-database';

/** Passes connections on to Postgres, until it is cut. */
class Cable {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private isCut = false;

  constructor(target: URL) {
    this.server = createServer((client) => {
      if (this.isCut) {
        client.resetAndDestroy();
        return;
      }
      const upstream = connect(Number(target.port), target.hostname);
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  cut(): void {
    this.isCut = true;
    this.sockets.forEach((socket) => socket.resetAndDestroy());
  }

  mend(): void {
    this.isCut = false;
  }

  close(): void {
    this.cut();
    this.server.close();
  }
}

interface Report {
  status: string;
  details: Record<string, { status: string }>;
}

describe('health', () => {
  let database: TestDatabase;
  let cable: Cable;
  let server: TestApp;

  beforeAll(async () => {
    database = await createTestDatabase();
    const url = new URL(database.url);
    cable = new Cable(new URL(database.url));
    url.hostname = '127.0.0.1';
    url.port = String(await cable.listen());
    server = await startTestApp({ LOG_LEVEL: 'silent' }, { url: url.href, drop: () => database.drop() });
  }, 60_000);

  afterAll(async () => {
    cable.mend();
    await server.stop();
    cable.close();
    await database.drop();
  }, 30_000);

  async function probe(path: string): Promise<{ status: number; body: Report }> {
    const response = await fetch(server.url + path);
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Report };
  }

  it('is good on every path while Postgres answers, without a token', async () => {
    expect(await probe('/health/live')).toEqual({ status: 200, body: { status: 'ok', details: {} } });
    expect(await probe('/health/ready')).toMatchObject({
      status: 200,
      body: { status: 'ok', details: { database: { status: 'up' }, queue: { status: 'up' } } },
    });
    expect(await probe('/api/v1/health')).toEqual({
      status: 200,
      body: { database: { status: 'ok' }, queue: { status: 'ok' }, cache: { status: 'ok' } },
    });
    expect((await probe('/api/v1/health/ping')).status).toBe(204);
    expect((await fetch(`${server.url}/api/v1/health`, { method: 'HEAD' })).status).toBe(200);
  });

  it('shows metrics for Prometheus', async () => {
    const response = await fetch(`${server.url}/metrics`);

    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await response.text()).toMatch(/^# HELP /m);
  });

  it('is not ready, but alive, while Postgres is cut off; a message is then refused with 503, and taken afterwards', async () => {
    const { body: app } = await callApi<{ id: string }>(server.url, server.token(), 'POST', '/app', { name: 'a' });
    const path = `/app/${app.id}/msg`;
    const message = { eventType: 'a', payload: {} };
    expect((await callApi(server.url, server.token(), 'POST', path, message)).status).toBe(202);

    cable.cut();

    expect(await probe('/health/ready')).toMatchObject({
      status: 503,
      body: { status: 'error', details: { database: { status: 'down' } } },
    });
    expect(await probe('/api/v1/health')).toMatchObject({ status: 503, body: { database: { status: 'error' } } });
    expect((await probe('/health/live')).status).toBe(200);
    for (const refused of [
      await callApi(server.url, server.token(), 'POST', path, message),
      await callApi(server.url, server.token(), 'GET', '/app'),
    ]) {
      expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable', requestId: expect.any(String) } });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }

    cable.mend();

    await eventually(async () => expect((await probe('/health/ready')).status).toBe(200));
    expect((await callApi(server.url, server.token(), 'POST', path, message)).status).toBe(202);
  }, 30_000);
});
