const LISTEN_PATTERN = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/;
const MAX_RETRY_DELAY_SECONDS = 30 * 24 * 3600;

/** What is wrong with a text that should be `host:port`, or undefined. */
export function checkListenAddress(value: string): string | undefined {
  const port = LISTEN_PATTERN.exec(value)?.[2];
  return port !== undefined && Number(port) <= 65_535
    ? undefined
    : 'expected host:port, for example 127.0.0.1:8071, 0.0.0.0:8071 or [::]:8071; port 0 takes a free one';
}

/** One delay of a retry schedule, in seconds. Throws `Error` with what is expected, as the other parse functions do. */
export function parseDelaySeconds(item: string): number {
  const seconds = Number(item);
  if (!/^\d+(\.\d+)?$/.test(item) || seconds > MAX_RETRY_DELAY_SECONDS) {
    throw new Error(`expected delays in seconds from 0 to ${MAX_RETRY_DELAY_SECONDS}, for example 5,300,1800`);
  }
  return seconds;
}

/** The address of one Redis, returned as it came. */
export function parseRedisUrl(item: string): string {
  if (!/^rediss?:\/\/\S+$/.test(item) || !URL.canParse(item) || !isRedisUrl(new URL(item))) {
    throw new Error('expected redis://user:password@host:port/db, or rediss:// for TLS');
  }
  return item;
}

function isRedisUrl({ hostname, pathname, username, password }: URL): boolean {
  return hostname !== '' && /^(\/\d{0,5})?$/.test(pathname) && isDecodable(username) && isDecodable(password);
}

/** False for a password with a percent sign that is not encoded. */
function isDecodable(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

/** A subnet in CIDR notation, returned as it came. */
export function parseSubnet(item: string): string {
  if (!/^[0-9a-fA-F:.]+\/\d{1,3}$/.test(item)) {
    throw new Error(`expected subnets like 127.0.0.0/8 or fd00::/8, not "${item}"`);
  }
  return item;
}

/** Checks that a text has at least this many characters. */
export function atLeast(length: number): (value: string) => string | undefined {
  return (value) => (value.length >= length ? undefined : `expected at least ${length} characters`);
}
