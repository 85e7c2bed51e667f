import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHosts, parseSearchList } from './resolver-files';
import { candidatesFor, SystemResolver } from './system-resolver';

type Answer = { a?: string[]; aaaa?: 'dropped' | 'doc'; ttl?: number } | 'nxdomain' | 'servfail' | 'silence';

/** A name server for one test: answers from a table, and NXDOMAIN for the rest. */
class NameServer {
  readonly asked: string[] = [];
  private isStopped = false;
  private readonly socket: UdpSocket = createSocket('udp4');

  constructor(private readonly table: Record<string, Answer>) {
    this.socket.on('message', (query, peer) => {
      const reply = this.reply(query);
      if (reply !== undefined) {
        // A answers come last, so that no order of addresses is an accident.
        const delayMs = reply.includes(Buffer.from([0, 0, 1, 0, 1])) ? 10 : 0;
        setTimeout(() => this.isStopped || this.socket.send(reply, peer.port, peer.address), delayMs);
      }
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.socket.bind(0, '127.0.0.1', resolve));
    return `127.0.0.1:${this.socket.address().port}`;
  }

  stop(): void {
    this.isStopped = true;
    this.socket.close();
  }

  private reply(query: Buffer): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length !== 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += length + 1;
    }
    const name = labels.join('.').toLowerCase();
    const isA = query.readUInt16BE(at + 1) === 1;
    this.asked.push(name);
    const answer = name.startsWith('slow') ? 'silence' : (this.table[name] ?? 'nxdomain');
    if (answer === 'silence' || (typeof answer === 'object' && !isA && answer.aaaa === 'dropped')) {
      return undefined;
    }
    const rcode = answer === 'nxdomain' ? 3 : answer === 'servfail' ? 2 : 0;
    const { a = [], aaaa = undefined, ttl = 10 } = typeof answer === 'object' ? answer : {};
    const v4 = a.map((address) => [0, 1, 0, 1, 0, 0, 0, ttl, 0, 4, ...address.split('.').map(Number)]);
    const v6 = aaaa === 'doc' ? [[0, 28, 0, 1, 0, 0, 0, ttl, 0, 16, 0x20, 1, 0x0d, 0xb8, ...Buffer.alloc(11), 1]] : [];
    const records = isA ? v4 : v6;
    const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80 | rcode, 0, 1, 0, records.length, 0, 0, 0, 0]);
    const data = records.map((record) => Buffer.from([0xc0, 12, ...record]));
    return Buffer.concat([header, query.subarray(12, at + 5), ...data]);
  }
}

describe('SystemResolver', () => {
  let folder: string;
  let server: NameServer;
  let resolver: SystemResolver;

  const start = async (
    table: Record<string, Answer>,
    files: { hosts?: string; resolvConf?: string } = {},
  ): Promise<void> => {
    folder = await mkdtemp(join(tmpdir(), 'resolver-'));
    await writeFile(join(folder, 'hosts'), files.hosts ?? '');
    await writeFile(join(folder, 'resolv.conf'), files.resolvConf ?? '');
    server = new NameServer(table);
    resolver = new SystemResolver({
      servers: [await server.start()],
      hostsPath: join(folder, 'hosts'),
      resolvConfPath: join(folder, 'resolv.conf'),
      queryTimeoutMs: 400,
    });
  };

  afterEach(async () => {
    resolver.cancel();
    server.stop();
    await rm(folder, { recursive: true });
  });

  it('resolves through the name server and bounds the TTL', async () => {
    await start({ 'a.test': { a: ['192.0.2.1', '192.0.2.2'], ttl: 30 }, 'b.test': { a: ['192.0.2.3'], ttl: 0 } });
    expect(await resolver.resolve('A.test')).toEqual({ addresses: ['192.0.2.1', '192.0.2.2'], ttlMs: 30_000 });
    expect(await resolver.resolve('b.test')).toEqual({ addresses: ['192.0.2.3'], ttlMs: 5_000 });
  });

  it('puts IPv4 before IPv6, and takes either alone', async () => {
    await start({ 'both.test': { a: ['192.0.2.1'], aaaa: 'doc' }, 'six.test': { aaaa: 'doc' } });
    expect((await resolver.resolve('both.test')).addresses).toEqual(['192.0.2.1', '2001:db8::1']);
    expect((await resolver.resolve('six.test')).addresses).toEqual(['2001:db8::1']);
  });

  it('takes the hosts file first, and localhost from nowhere', async () => {
    await start({ 'a.test': { a: ['192.0.2.1'] } }, { hosts: '10.1.2.3 a.test alias # comment\n::1 alias\n' });
    expect((await resolver.resolve('a.test')).addresses).toEqual(['10.1.2.3']);
    expect((await resolver.resolve('alias')).addresses).toEqual(['10.1.2.3', '::1']);
    expect((await resolver.resolve('localhost')).addresses).toEqual(['127.0.0.1', '::1']);
    expect((await resolver.resolve('x.localhost')).addresses).toEqual(['127.0.0.1', '::1']);
    expect(server.asked).toEqual([]);
  });

  it('fails with the code of c-ares', async () => {
    await start({ 'broken.test': 'servfail', 'empty.test': { a: [] } });
    await expect(resolver.resolve('missing.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolve('empty.test')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.resolve('broken.test')).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });

  it('finds short names under the search domains', async () => {
    await start(
      { 'web.prod.svc.cluster.test': { a: ['10.0.0.9'] } },
      { resolvConf: 'nameserver 192.0.2.53\nsearch ns.svc.cluster.test svc.cluster.test\noptions ndots:5\n' },
    );
    expect((await resolver.resolve('web.prod')).addresses).toEqual(['10.0.0.9']);
  });

  it('does not wait for the AAAA answer of a server that drops such queries', async () => {
    await start({ 'v4only.test': { a: ['192.0.2.1'], aaaa: 'dropped' } });
    const startedAt = performance.now();
    expect((await resolver.resolve('v4only.test')).addresses).toEqual(['192.0.2.1']);
    expect(performance.now() - startedAt).toBeLessThan(350);
  });

  it('keeps slow names from holding up other names and the file system', async () => {
    await start({ 'a.test': { a: ['192.0.2.1'] } });
    const hanging = Array.from({ length: 100 }, (_, i) =>
      resolver.resolve(`slow-${i}.test`).catch((error: unknown) => error),
    );
    const startedAt = performance.now();
    await Promise.all([resolver.resolve('a.test'), stat(folder)]);
    expect(performance.now() - startedAt).toBeLessThan(350);
    expect((await Promise.all(hanging)).every((error) => (error as { code?: string }).code === 'ETIMEOUT')).toBe(true);
  });
});

describe('the resolver files', () => {
  it('reads hosts and skips what makes no sense', () => {
    const table = parseHosts('127.0.0.1\tlocalhost Host.\n# x\nbad line\nfe80::1%lo0 zone\n::1 localhost\n');
    expect([...table]).toEqual([
      ['localhost', ['127.0.0.1', '::1']],
      ['host', ['127.0.0.1']],
    ]);
  });

  it('reads the search list', () => {
    expect(parseSearchList('search A.test b.test.\noptions timeout:1 ndots:5 # x')).toEqual({
      domains: ['a.test', 'b.test'],
      ndots: 5,
    });
    expect(parseSearchList('')).toEqual({ domains: [], ndots: 1 });
  });

  it('tries a name with a dot as it stands first', () => {
    const searchList = { domains: ['ns.test', 'svc.test'], ndots: 2 };
    expect(candidatesFor('web', searchList)).toEqual(['web.ns.test', 'web.svc.test', 'web']);
    expect(candidatesFor('web.ns', searchList)).toEqual(['web.ns', 'web.ns.ns.test', 'web.ns.svc.test']);
    expect(candidatesFor('hooks.example.com', searchList)).toEqual(['hooks.example.com']);
  });
});
