import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { isAddressAllowed, parseSubnets } from './address-guard';

const NONE = parseSubnets([]);

/** First and last address of every range that must be refused. */
const REFUSED = [
  ...['0.0.0.0', '0.255.255.255', '10.0.0.0', '10.255.255.255', '100.64.0.0', '100.127.255.255', '127.0.0.1'],
  ...['127.255.255.255', '169.254.0.0', '169.254.169.254', '169.254.255.255', '172.16.0.0', '172.31.255.255'],
  ...['192.0.0.0', '192.0.0.255', '192.0.2.1', '192.31.196.1', '192.52.193.1', '192.88.99.0', '192.88.99.255'],
  ...['192.168.0.0', '192.168.255.255', '192.175.48.1', '198.18.0.0', '198.19.255.255', '198.51.100.7'],
  ...['203.0.113.9', '224.0.0.1', '239.255.255.255', '240.0.0.0', '255.255.255.254', '255.255.255.255'],
  ...['::', '::1', '::7f00:1', '::8.8.8.8', '::ffff:127.0.0.1', '::ffff:a00:1', '::ffff:0:8.8.8.8'],
  ...['64:ff9b::1', '64:ff9b::8.8.8.8', '64:ff9b::ffff:ffff', '64:ff9b:1::', '64:ff9b:1:ffff::1', '100::', '100::1'],
  ...['2001::', '2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2', '2001:2::1', '2001:3::1', '2001:10::1'],
  ...['2001:20::1', '2001:30::1', '2001:1ff:ffff::1', '2001:db8::1', '2001:db8:ffff::1', '2002::1', '2002:7f00:1::'],
  ...['2002:808:808::1', '2620:4f:8000::1', '3fff::1', '3fff:fff::1', '4000::1', '5f00::1', 'fc00::1', 'fd00::1'],
  ...['fdff:ffff::1', 'fe80::1', 'febf::1', 'fec0::1', 'feff::1', 'ff02::1', 'ffff::1', '1fff::1'],
];

const ALLOWED = [
  ...['1.0.0.0', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
  ...['128.0.0.0', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '192.0.1.0', '192.167.255.255'],
  ...['192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255', '::ffff:8.8.8.8', '2000::1', '2001:200::1'],
  ...[
    '2001:4860:4860::8888',
    '2001:db7:ffff::1',
    '2001:db9::1',
    '2003::1',
    '2606:4700::1111',
    '3ffe::1',
    '3fff:1000::1',
  ],
];

const anyIpv4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((octets) => octets.join('.'));
const anyWord = fc.nat(0xffff);
/** Half of them begin like a special range: random ones would hardly ever hit a narrow one. */
const anyIpv6 = fc
  .tuple(
    fc.oneof(anyWord, fc.constantFrom(0, 0x64, 0x2001, 0x2002, 0x2620, 0x3fff, 0x5f00)),
    fc.oneof(anyWord, fc.constantFrom(0, 1, 2, 3, 4, 0x10, 0x20, 0x30, 0x4f, 0xdb8, 0xff9b)),
    fc.oneof(anyWord, fc.constantFrom(0, 1, 0x112, 0x8000)),
    fc.array(anyWord, { minLength: 5, maxLength: 5 }),
  )
  .map(([first, second, third, rest]) => [first, second, third, ...rest].map((word) => word.toString(16)).join(':'));

describe('isAddressAllowed', () => {
  it.each(REFUSED)('refuses %s', (address) => {
    expect(isAddressAllowed(address, NONE)).toBe(false);
  });

  it.each(ALLOWED)('allows %s', (address) => {
    expect(isAddressAllowed(address, NONE)).toBe(true);
  });

  it.each([
    '',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '010.0.0.1',
    '8.8.8.8 ',
    '8.8.8.8/32',
    'fe80::1%eth0',
    '2606:4700::1%1',
    '[::1]',
    '8.8.8',
  ])('refuses %j, which is not a plain address', (text) => {
    expect(isAddressAllowed(text, NONE)).toBe(false);
  });

  it('never allows what ipaddr.js calls anything but unicast', () => {
    fc.assert(
      fc.property(fc.oneof(anyIpv4, anyIpv6), (address) => {
        fc.pre(isAddressAllowed(address, NONE));
        expect(ipaddr.process(address).range()).toBe('unicast');
      }),
      { numRuns: 3_000 },
    );
  });

  it('judges every IPv4 address alike in its mapped form', () => {
    fc.assert(
      fc.property(anyIpv4, (address) => {
        expect(isAddressAllowed(`::ffff:${address}`, NONE)).toBe(isAddressAllowed(address, NONE));
      }),
      { numRuns: 1_000 },
    );
  });

  it('refuses every IPv4 address in compatible, translated, 6to4 and NAT64 forms', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }), (octets) => {
        const dotted = octets.join('.');
        const [a = 0, b = 0, c = 0, d = 0] = octets;
        const words = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const forms = [
          `::${dotted}`,
          `::ffff:0:${dotted}`,
          `64:ff9b::${dotted}`,
          `64:ff9b:1::${dotted}`,
          `2002:${words}::1`,
          `2001::${words}`,
        ];
        expect(forms.filter((form) => isAddressAllowed(form, NONE))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('opens exactly the subnets it is given', () => {
    const subnet = fc.tuple(fc.nat(255), fc.nat(255), fc.integer({ min: 8, max: 32 }));
    fc.assert(
      fc.property(subnet, fc.nat(255), fc.nat(255), ([b, c, prefix], x, y) => {
        const opened = parseSubnets([`10.${b}.${c}.0/${prefix}`]);
        const toNumber = (...octets: number[]): number => octets.reduce((sum, octet) => sum * 256 + octet, 0);
        const size = 2 ** (32 - prefix);
        const isInside = Math.floor(toNumber(10, x, y, 0) / size) === Math.floor(toNumber(10, b, c, 0) / size);
        expect(isAddressAllowed(`10.${x}.${y}.0`, opened)).toBe(isInside);
        expect(isAddressAllowed(`::ffff:10.${x}.${y}.0`, opened)).toBe(isInside);
      }),
    );
  });

  it('opens IPv6 subnets, single addresses and mapped blocks', () => {
    const opened = parseSubnets(['fd00:1::/32', '127.0.0.1', '::1', '::ffff:192.168.0.0/112']);
    expect(['fd00:1::5', '127.0.0.1', '::1', '192.168.3.4'].map((one) => isAddressAllowed(one, opened))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(
      ['fd00:2::5', '127.0.0.2', '::2', '192.169.3.4', '10.0.0.1'].map((one) => isAddressAllowed(one, opened)),
    ).toEqual([false, false, false, true, false]);
  });
});

describe('parseSubnets', () => {
  it.each([
    '10.0.0.0/33',
    '10.0.0/8',
    'fe80::/129',
    'fe80::1%eth0/64',
    'intranet',
    '',
    '10.0.0.0/',
    '10.0.0.0/x',
    '1.2.3.4/8/9',
  ])('names the bad block %j', (cidr) => {
    expect(() => parseSubnets(['10.0.0.0/8', cidr])).toThrow(JSON.stringify(cidr));
  });
});
