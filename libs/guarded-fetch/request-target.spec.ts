import { parseTarget } from './request-target';

describe('parseTarget', () => {
  it.each([
    ['http://2130706433/', '127.0.0.1'],
    ['http://0x7f.1/', '127.0.0.1'],
    ['http://0177.0.0.1/', '127.0.0.1'],
    ['http://127.1/', '127.0.0.1'],
    ['http://0x7f000001/', '127.0.0.1'],
    ['http://%31%32%37.0.0.1/', '127.0.0.1'],
    ['http://127.0.0.1./', '127.0.0.1'],
    ['http://①②⑦.0.0.1/', '127.0.0.1'],
    ['http://[::ffff:127.0.0.1]/', '::ffff:7f00:1'],
    ['http://[0:0::1]/', '::1'],
  ])('reads the host of %s as the literal %s', (url, hostname) => {
    expect(parseTarget(url)).toMatchObject({ hostname, isLiteral: true });
  });

  it('splits a URL into what a request needs', () => {
    expect(parseTarget('https://us%40er:p%3Aw@Hooks.Example.com.:8443/a b?c=d#e')).toEqual({
      origin: 'https://hooks.example.com.:8443',
      isTls: true,
      hostname: 'hooks.example.com',
      isLiteral: false,
      port: 8443,
      path: '/a%20b?c=d',
      authorization: `Basic ${Buffer.from('us@er:p:w').toString('base64')}`,
    });
  });

  it('knows the default ports', () => {
    expect([parseTarget('http://a.test').port, parseTarget('https://a.test').port]).toEqual([80, 443]);
  });

  it('takes a stray percent sign in the userinfo literally', () => {
    expect(parseTarget('http://100%:x@a.test').authorization).toBe(`Basic ${Buffer.from('100%:x').toString('base64')}`);
  });

  it.each([
    '',
    'nonsense',
    'http://',
    'ftp://a.test/',
    'file:///etc/passwd',
    'http://[fe80::1%25eth0]/',
    'http://1.2.3.4.5/',
    'http://a.test:99999/',
    'http://./',
  ])('refuses %j', (url) => {
    expect(() => parseTarget(url)).toThrow(/URL/);
  });
});
