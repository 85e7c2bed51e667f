import { isIP } from 'node:net';

/** A parsed endpoint URL, ready to connect to. */
export interface RequestTarget {
  /** Scheme, host and port: connections are shared by this. */
  readonly origin: string;
  readonly isTls: boolean;
  /** Without brackets, and without the final dot of an absolute name. */
  readonly hostname: string;
  readonly isLiteral: boolean;
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  /** Basic credentials made of the URL's userinfo. */
  readonly authorization: string | undefined;
}

/**
 * Parses a URL by the WHATWG rules, which turn decimal, octal, hexadecimal and short IPv4 hosts into plain literals.
 * Throws an Error with a message for the customer when it is not an http(s) URL.
 */
export function parseTarget(text: string): RequestTarget {
  if (!URL.canParse(text)) {
    throw new Error('the URL is malformed');
  }
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error('only http and https URLs can be called');
  }
  const isTls = url.protocol === 'https:';
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (hostname === '') {
    throw new Error('the URL has no host');
  }
  return {
    origin: url.origin,
    isTls,
    hostname,
    isLiteral: isIP(hostname) !== 0,
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    path: url.pathname + url.search,
    authorization: basicCredentials(url),
  };
}

function basicCredentials(url: URL): string | undefined {
  if (url.username === '' && url.password === '') {
    return undefined;
  }
  const userinfo = `${percentDecode(url.username)}:${percentDecode(url.password)}`;
  return `Basic ${Buffer.from(userinfo).toString('base64')}`;
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign is legal in a URL's userinfo; it then stands for itself.
    return text;
  }
}
