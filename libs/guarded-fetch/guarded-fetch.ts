import { X509Certificate } from 'node:crypto';
import { createSecureContext, rootCertificates } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { isAddressAllowed, parseSubnets, type Subnet } from './address-guard';
import { CachingResolver } from './caching-resolver';
import { Connection, type ConnectionLimits } from './connection';
import { Exchange, type ExchangeHost, type OpeningConnection } from './exchange';
import { codeOf, FetchFailure, messageOf, toOutcomeMessage } from './fetch-failure';
import { IdleConnections } from './idle-connections';
import { type FailureReason, type PostOutcome, type PostRequest, type UrlVerdict } from './post-outcome';
import { parseTarget, type RequestTarget } from './request-target';
import { SocketOpener } from './socket-opener';
import { SystemResolver } from './system-resolver';

export type { FailureReason, PostFailure, PostOutcome, PostRequest, PostResponse, UrlVerdict } from './post-outcome';

const DEFAULT_MAX_HEADER_BYTES = 16_384;
const DEFAULT_KEEP_ALIVE_MS = 5_000;
const DEFAULT_MAX_IDLE_CONNECTIONS = 1_024;
const MAX_PARSED_URLS = 5_000;
const CHECK_URL_LIMIT_MS = 5_000;
/** A name with hundreds of addresses must not turn one attempt into a port scan. */
const MAX_ADDRESSES = 6;
const REFUSED_MESSAGE = 'webhooks may not be sent to this address: it is private, local or reserved';

/** Settings of a GuardedHttpClient. */
export interface GuardedHttpClientOptions {
  /** CIDR blocks that may be called although they are private or reserved; the constructor throws and names a bad one. */
  allowSubnets: readonly string[];
  /** How much of a response body is kept; the rest is not read. */
  maxResponseBytes: number;
  /** The largest response head, in bytes; 16 KiB by default. */
  maxHeaderBytes?: number;
  /** PEM certificates to trust besides the well-known ones. */
  ca?: string;
  /** How long an idle connection stays open, in milliseconds; 5 s by default. */
  keepAliveMs?: number;
  /** How many idle connections stay open over all hosts; 1024 by default. */
  maxIdleConnections?: number;
  /** Replaces name resolution, uncached; the guard still judges what it returns. */
  lookup?: (hostname: string) => Promise<readonly string[]>;
}

/**
 * Sends webhooks: one POST over HTTP/1.1 with an address guard, one deadline, a capped body, no redirects and no
 * decompression. Whatever the receiver does ends as one outcome.
 *
 * It puts no limit on connections to one host, so that endpoints that share a host cannot block each other: callers
 * bound what is in flight for each endpoint.
 */
export class GuardedHttpClient {
  private readonly allowSubnets: readonly Subnet[];
  private readonly limits: ConnectionLimits;
  private readonly systemResolver = new SystemResolver();
  private readonly resolver: CachingResolver;
  private readonly opener: SocketOpener;
  private readonly idle: IdleConnections;
  private readonly targets = new LRUCache<string, RequestTarget>({ max: MAX_PARSED_URLS });
  private readonly active = new Set<Exchange>();
  private readonly host: ExchangeHost;
  private isClosed = false;
  private onDrained: (() => void)[] = [];

  constructor(options: GuardedHttpClientOptions) {
    const maxHeaderBytes = options.maxHeaderBytes ?? DEFAULT_MAX_HEADER_BYTES;
    this.allowSubnets = parseSubnets(options.allowSubnets);
    this.limits = {
      maxHeaderBytes,
      keepAliveMs: options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
      // A body in chunks of one byte is six times its size; plus some heads, trailers and one read of the socket.
      maxExchangeBytes: options.maxResponseBytes * 8 + maxHeaderBytes * 4 + 262_144,
    };
    this.opener = new SocketOpener(createSecureContext(trustOf(options.ca)));
    this.idle = new IdleConnections(options.maxIdleConnections ?? DEFAULT_MAX_IDLE_CONNECTIONS);
    const { lookup } = options;
    this.resolver = new CachingResolver(
      lookup === undefined
        ? (hostname) => this.systemResolver.resolve(hostname)
        : async (hostname) => ({ addresses: await lookup(hostname), ttlMs: 0 }),
    );
    this.host = {
      maxResponseBytes: options.maxResponseBytes,
      checkedAddressesOf: (target) => this.checkedAddressesOf(target),
      open: (target, addresses, onConnected) => this.open(target, addresses, onConnected),
      takeIdle: (origin) => this.idle.take(origin),
      onStaleConnection: (origin) => this.idle.distrust(origin),
      release: (connection) => this.release(connection),
    };
  }

  /** How many keep-alive connections wait for work. */
  get idleConnectionCount(): number {
    return this.idle.size;
  }

  /** Never rejects. */
  post(request: PostRequest): Promise<PostOutcome> {
    if (this.isClosed) {
      return Promise.resolve(instantFailure('aborted', 'the client is closed'));
    }
    let target: RequestTarget;
    try {
      target = this.targetOf(request.url);
    } catch (error) {
      return Promise.resolve(instantFailure('protocol', messageOf(error)));
    }
    return new Promise((resolve) => {
      const exchange = new Exchange(this.host, target, request, (finished, outcome) => {
        this.active.delete(finished);
        resolve(outcome);
        this.notifyIfDrained();
      });
      this.active.add(exchange);
      exchange.start();
    });
  }

  /**
   * Says whether a URL may be an endpoint, for the moment it is created or changed. A name that does not resolve, or not
   * within five seconds, is allowed: it may exist later, and every delivery is checked again. Never rejects.
   */
  async checkUrl(url: string): Promise<UrlVerdict> {
    let target: RequestTarget;
    try {
      target = parseTarget(url);
    } catch (error) {
      return { allowed: false, reason: messageOf(error) };
    }
    const verdict = this.checkedAddressesOf(target).then(
      (): UrlVerdict => ({ allowed: true }),
      (error: unknown): UrlVerdict =>
        error instanceof FetchFailure && error.reason === 'address_refused'
          ? { allowed: false, reason: error.message }
          : { allowed: true },
    );
    return firstOf(verdict, CHECK_URL_LIMIT_MS, { allowed: true });
  }

  /** Refuses further requests, waits for those under way, then closes every connection. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.idle.dropAll();
    if (this.active.size > 0) {
      await new Promise<void>((resolve) => this.onDrained.push(resolve));
    }
    this.systemResolver.cancel();
  }

  /** Ends the requests under way as `aborted` and closes every connection. */
  async destroy(): Promise<void> {
    this.isClosed = true;
    for (const exchange of [...this.active]) {
      exchange.abort('the client was shut down');
    }
    await this.close();
  }

  private targetOf(url: string): RequestTarget {
    const known = this.targets.get(url);
    if (known !== undefined) {
      return known;
    }
    const target = parseTarget(url);
    this.targets.set(url, target);
    return target;
  }

  private async checkedAddressesOf(target: RequestTarget): Promise<readonly string[]> {
    const addresses = target.isLiteral ? [target.hostname] : await this.resolve(target.hostname);
    const allowed = addresses.filter((address) => isAddressAllowed(address, this.allowSubnets));
    if (allowed.length === 0) {
      throw new FetchFailure('address_refused', REFUSED_MESSAGE);
    }
    return allowed.slice(0, MAX_ADDRESSES);
  }

  private async resolve(hostname: string): Promise<readonly string[]> {
    let addresses: readonly string[];
    try {
      addresses = await this.resolver.resolve(hostname);
    } catch (error) {
      const code = codeOf(error);
      throw new FetchFailure('dns', `could not resolve ${hostname}${code === '' ? '' : ` (${code})`}`, {
        cause: error,
      });
    }
    if (addresses.length === 0) {
      throw new FetchFailure('dns', `${hostname} has no address`);
    }
    return addresses;
  }

  private open(target: RequestTarget, addresses: readonly string[], onConnected: () => void): OpeningConnection {
    const opening = this.opener.open(target, addresses, onConnected);
    const connection = opening.socket.then(
      (socket) => new Connection(target.origin, socket, this.limits, (closed) => this.idle.remove(closed)),
      (error: unknown) => {
        this.resolver.forget(target.hostname);
        throw error;
      },
    );
    return { connection, cancel: () => opening.cancel() };
  }

  private release(connection: Connection): void {
    if (this.isClosed) {
      connection.drop();
    } else {
      this.idle.put(connection);
    }
  }

  private notifyIfDrained(): void {
    if (this.active.size === 0 && this.onDrained.length > 0) {
      this.onDrained.forEach((resolve) => resolve());
      this.onDrained = [];
    }
  }
}

function trustOf(ca: string | undefined): { ca?: string[] } {
  if (ca === undefined) {
    return {};
  }
  try {
    new X509Certificate(ca);
  } catch (error) {
    throw new Error('the custom CA is not a PEM certificate', { cause: error });
  }
  return { ca: [...rootCertificates, ca] };
}

function instantFailure(reason: FailureReason, message: string): PostOutcome {
  return { kind: 'failure', reason, message: toOutcomeMessage(message), durationMs: 0 };
}

async function firstOf<T>(work: Promise<T>, limitMs: number, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), limitMs);
  });
  const first = await Promise.race([work, limit]);
  clearTimeout(timer);
  return first;
}
