import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { GuardedHttpClient, type GuardedHttpClientOptions, type PostOutcome } from './guarded-fetch';

/** Made for these tests; signs for hooks.test only. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgU8lnLZcniu8QXW2S
ZPCz5p02DqEjyd/ggxs9OdQb9BmhRANCAAQtiUmeKGVoQGNeNGyhPVOfI6UC83Wr
ihKWeETRC+tWLOf0BBxaQvNd3UXBcUr3l8tbpuq5dPJg1XGKfVpDPgak
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBZTCCAQqgAwIBAgIBATAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDApob29rcy50
ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAVMRMwEQYDVQQD
DApob29rcy50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELYlJnihlaEBj
XjRsoT1TnyOlAvN1q4oSlnhE0QvrVizn9AQcWkLzXd1FwXFK95fLW6bquXTyYNVx
in1aQz4GpKNJMEcwFQYDVR0RBA4wDIIKaG9va3MudGVzdDAPBgNVHRMBAf8EBTAD
AQH/MB0GA1UdDgQWBBQOPHKme6OQU5b8ykZZ0pvlTRfK1DAKBggqhkjOPQQDAgNJ
ADBGAiEAv5khE0NSeoYyW+LOfCrhg1IN1m8cnWvVNitY5PjmkycCIQDqC1Jgos7G
xsjE+NinEbXxNOxBmcUfLNkwZEPA/pvbZQ==
-----END CERTIFICATE-----`;
const RESPONSE = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

describe('over TLS', () => {
  const cleanups: (() => unknown)[] = [];

  const listen = async (server: Server): Promise<number> => {
    const sockets = new Set<{ destroy(): void }>();
    server.on('connection', (socket) => sockets.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(
      () => server.close(),
      () => sockets.forEach((socket) => socket.destroy()),
    );
    return (server.address() as AddressInfo).port;
  };

  const serveTls = async (options: TlsOptions = {}): Promise<{ port: number; names: unknown[]; reused: boolean[] }> => {
    const names: unknown[] = [];
    const reused: boolean[] = [];
    const server = createTlsServer({ key: KEY, cert: CERTIFICATE, ...options }, (socket) => {
      names.push(socket.servername);
      reused.push(socket.isSessionReused());
      socket.on('error', () => undefined).on('data', () => socket.end(RESPONSE));
    });
    server.on('tlsClientError', () => undefined);
    return { port: await listen(server), names, reused };
  };

  const post = (
    url: string,
    options: Partial<GuardedHttpClientOptions> = {},
    client = clientOf(options),
  ): Promise<PostOutcome> => client.post({ url, headers: {}, body: Buffer.from('x'), timeoutMs: 500 });

  const clientOf = (options: Partial<GuardedHttpClientOptions> = {}): GuardedHttpClient => {
    const client = new GuardedHttpClient({
      allowSubnets: ['127.0.0.1'],
      maxResponseBytes: 100,
      lookup: async () => ['127.0.0.1'],
      ...options,
    });
    cleanups.push(() => client.destroy());
    return client;
  };

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) {
      await cleanup();
    }
  });

  it('trusts a custom CA, sends the name, and resumes sessions', async () => {
    const server = await serveTls();
    const client = clientOf({ ca: CERTIFICATE });
    const url = `https://hooks.test:${server.port}/`;
    expect(await post(url, {}, client)).toMatchObject({ kind: 'response', body: Buffer.from('ok') });
    expect(await post(url, {}, client)).toMatchObject({ kind: 'response' });
    expect(server).toMatchObject({ names: ['hooks.test', 'hooks.test'], reused: [false, true] });
  });

  it('refuses a certificate of an unknown issuer', async () => {
    const { port } = await serveTls();
    expect(await post(`https://hooks.test:${port}/`)).toMatchObject({ kind: 'failure', reason: 'tls' });
  });

  it.each(['other.test', '127.0.0.1'])('refuses a certificate that is not for %s', async (host) => {
    const { port } = await serveTls();
    expect(await post(`https://${host}:${port}/`, { ca: CERTIFICATE })).toMatchObject({
      kind: 'failure',
      reason: 'tls',
    });
  });

  it('checks the name of the URL, not that of a Host header', async () => {
    const { port } = await serveTls();
    const outcome = await clientOf({ ca: CERTIFICATE }).post({
      url: `https://hooks.test:${port}/`,
      headers: { host: 'other.test' },
      body: Buffer.from('x'),
      timeoutMs: 500,
    });
    expect(outcome).toMatchObject({ kind: 'response' });
  });

  it('reports a server that speaks no TLS, closes, or wants a client certificate', async () => {
    const plain = await listen(
      createTcpServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    );
    const closing = await listen(createTcpServer((socket) => socket.on('error', () => undefined).destroy()));
    const demanding = await serveTls({ requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' });
    for (const port of [plain, closing, demanding.port]) {
      const outcome = await post(`https://hooks.test:${port}/`, { ca: CERTIFICATE });
      expect(outcome).toMatchObject({ kind: 'failure', reason: 'tls' });
    }
  });

  it('reports a TLS 1.3 server that wants a client certificate, which it says only after the handshake', async () => {
    const { port } = await serveTls({ requestCert: true, rejectUnauthorized: true });
    const outcome = await post(`https://hooks.test:${port}/`, { ca: CERTIFICATE });
    expect(['tls', 'connection']).toContain(outcome.kind === 'failure' ? outcome.reason : outcome.kind);
  });

  it('ends a handshake that hangs at the deadline', async () => {
    const port = await listen(createTcpServer((socket) => socket.on('error', () => undefined).resume()));
    expect(await post(`https://hooks.test:${port}/`)).toMatchObject({
      reason: 'timeout',
      message: expect.stringContaining('negotiating TLS'),
    });
  });

  it('keeps connections across different Host headers', async () => {
    const connections: unknown[] = [];
    const server = createTlsServer({ key: KEY, cert: CERTIFICATE }, (socket) => {
      connections.push(socket);
      socket.on('error', () => undefined).on('data', () => socket.write(RESPONSE));
    });
    const url = `https://hooks.test:${await listen(server)}/`;
    const client = clientOf({ ca: CERTIFICATE });
    for (const host of ['a.test', 'b.test', 'c.test']) {
      const outcome = await client.post({ url, headers: { host }, body: Buffer.from('x'), timeoutMs: 500 });
      expect(outcome).toMatchObject({ kind: 'response', body: Buffer.from('ok') });
    }
    expect(connections).toHaveLength(1);
  });

  it('refuses a CA that is not PEM', () => {
    expect(() => clientOf({ ca: 'nonsense' })).toThrow('PEM');
  });
});
