import { CachingResolver } from './caching-resolver';

describe('CachingResolver', () => {
  let now = 0;
  let calls: string[] = [];
  const resolverOf = (answer: (name: string) => Promise<string[]>, limitMs?: number): CachingResolver =>
    new CachingResolver(
      async (name) => {
        calls.push(name);
        return { addresses: await answer(name), ttlMs: 5_000 };
      },
      limitMs,
      () => now,
    );

  beforeEach(() => {
    now = 0;
    calls = [];
  });

  it('asks again only when the TTL is over', async () => {
    const resolver = resolverOf(() => Promise.resolve([`192.0.2.${calls.length}`]));
    expect(await resolver.resolve('a.test')).toEqual(['192.0.2.1']);
    now = 4_999;
    expect(await resolver.resolve('a.test')).toEqual(['192.0.2.1']);
    now = 5_000;
    expect(await resolver.resolve('a.test')).toEqual(['192.0.2.2']);
  });

  it('shares one lookup between concurrent callers', async () => {
    const resolver = resolverOf(() => Promise.resolve(['192.0.2.1']));
    const found = await Promise.all(Array.from({ length: 50 }, () => resolver.resolve('a.test')));
    expect(found).toHaveLength(50);
    expect(calls).toEqual(['a.test']);
  });

  it('remembers a failure for two seconds', async () => {
    const resolver = resolverOf(() => Promise.reject(new Error('ENOTFOUND')));
    await expect(resolver.resolve('a.test')).rejects.toThrow('ENOTFOUND');
    now = 1_999;
    await expect(resolver.resolve('a.test')).rejects.toThrow('ENOTFOUND');
    expect(calls).toHaveLength(1);
    now = 2_000;
    await expect(resolver.resolve('a.test')).rejects.toThrow('ENOTFOUND');
    expect(calls).toHaveLength(2);
  });

  it('forgets a name on request, but never a lookup under way', async () => {
    const resolver = resolverOf(() => Promise.resolve(['192.0.2.1']));
    const first = resolver.resolve('a.test');
    resolver.forget('a.test');
    await Promise.all([first, resolver.resolve('a.test')]);
    expect(calls).toHaveLength(1);
    resolver.forget('a.test');
    await resolver.resolve('a.test');
    expect(calls).toHaveLength(2);
  });

  it('gives up on a lookup that never ends', async () => {
    const resolver = resolverOf(() => new Promise(() => undefined), 20);
    await expect(resolver.resolve('a.test')).rejects.toMatchObject({ code: 'ETIMEOUT' });
  });

  it('stays bounded over any number of names', async () => {
    const resolver = resolverOf(() => Promise.resolve(['192.0.2.1']));
    for (let i = 0; i < 5_001; i++) {
      await resolver.resolve(`host-${i}.test`);
    }
    await resolver.resolve('host-5000.test');
    expect(calls).toHaveLength(5_001);
    await resolver.resolve('host-0.test');
    expect(calls).toHaveLength(5_002);
  });
});
