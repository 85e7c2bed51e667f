import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A block of addresses that the operator opened although the guard would refuse it. */
export interface Subnet {
  readonly network: Address;
  readonly prefixLength: number;
}

/**
 * What a webhook must never reach over IPv4: everything in the IANA special-purpose registry, multicast and class E.
 * The table is our own rather than the classification of a library, so that an upgrade cannot open a hole.
 */
const REFUSED_IPV4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, cloud metadata
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.31.196.0/24', // AS112
  '192.52.193.0/24', // AMT
  '192.88.99.0/24', // 6to4 relay
  '192.168.0.0/16', // private
  '192.175.48.0/24', // AS112
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
].map(parseSubnet);

/** Only 2000::/3 is global unicast, which already refuses loopback, ULA, link-local, multicast, NAT64, 100::/64 and so on. */
const GLOBAL_UNICAST_IPV6 = parseSubnet('2000::/3');

/** The parts of 2000::/3 that are not ordinary hosts. */
const REFUSED_IPV6 = [
  '2001::/23', // protocol assignments: Teredo, benchmarking, ORCHID, AMT
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, which carries any IPv4 address
  '2620:4f:8000::/48', // AS112
  '3fff::/20', // documentation
].map(parseSubnet);

/**
 * Parses CIDR blocks (`10.0.0.0/8`, `fd00::/8`) or single addresses, as the operator writes them.
 * Throws an Error that names the first one that is malformed.
 */
export function parseSubnets(cidrs: readonly string[]): Subnet[] {
  return cidrs.map(parseSubnet);
}

/**
 * Says whether a webhook may be sent to an IP address: global unicast, or inside one of the opened subnets.
 * IPv4-mapped IPv6 addresses are judged as the IPv4 address they carry. Anything that is not a plain IP address
 * (a name, a zone id, an octal or short form) is refused.
 */
export function isAddressAllowed(address: string, allowSubnets: readonly Subnet[]): boolean {
  const parsed = parseAddress(address);
  if (parsed === undefined) {
    return false;
  }
  if (allowSubnets.some((subnet) => contains(subnet, parsed))) {
    return true;
  }
  if (parsed.kind() === 'ipv4') {
    return !REFUSED_IPV4.some((subnet) => contains(subnet, parsed));
  }
  return contains(GLOBAL_UNICAST_IPV6, parsed) && !REFUSED_IPV6.some((subnet) => contains(subnet, parsed));
}

function parseSubnet(cidr: string): Subnet {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(cidr);
  const text = match?.[1] ?? '';
  const family = isIP(text);
  if (match === null || family === 0) {
    throw new Error(`not an IP address or CIDR block: ${JSON.stringify(cidr)}`);
  }
  const bits = family === 4 ? 32 : 128;
  const prefixLength = match[2] === undefined ? bits : Number(match[2]);
  if (prefixLength > bits) {
    throw new Error(`the prefix length of ${JSON.stringify(cidr)} is over ${bits}`);
  }
  const network = ipaddr.parse(withoutDottedTail(text));
  if (network instanceof ipaddr.IPv6 && network.isIPv4MappedAddress() && prefixLength >= 96) {
    return { network: network.toIPv4Address(), prefixLength: prefixLength - 96 };
  }
  return { network, prefixLength };
}

function parseAddress(address: string): Address | undefined {
  // isIP() is stricter than ipaddr.js about short and octal forms, but lets zone ids pass.
  if (isIP(address) === 0 || address.includes('%')) {
    return undefined;
  }
  const parsed = ipaddr.parse(withoutDottedTail(address));
  return parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() ? parsed.toIPv4Address() : parsed;
}

function contains(subnet: Subnet, address: Address): boolean {
  return subnet.network.kind() === address.kind() && address.match(subnet.network, subnet.prefixLength);
}

/**
 * Writes the dotted end of an IPv6 address as two words, because ipaddr.js reads `::8.8.8.8` as if it were the mapped
 * form `::ffff:8.8.8.8`.
 */
function withoutDottedTail(address: string): string {
  const match = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (match === null) {
    return address;
  }
  const [, head = '', a, b, c, d] = match;
  return `${head}${toWord(a, b)}:${toWord(c, d)}`;
}

function toWord(high: string | undefined, low: string | undefined): string {
  return (Number(high) * 256 + Number(low)).toString(16);
}
