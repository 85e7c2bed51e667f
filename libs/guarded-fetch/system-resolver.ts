import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { codeOf } from './fetch-failure';
import { type HostsTable, parseHosts, parseSearchList, type SearchList, WatchedFile } from './resolver-files';

/** Once one family has answered, the other one gets this long; a server that drops AAAA queries must not cost seconds. */
const OTHER_FAMILY_GRACE_MS = 50;
const MIN_TTL_MS = 5_000;
const MAX_TTL_MS = 60_000;
const NOT_FOUND_CODES = new Set(['ENOTFOUND', 'ENODATA']);
const LOOPBACK: ResolvedHost = { addresses: ['127.0.0.1', '::1'], ttlMs: MAX_TTL_MS };
const WINDOWS_HOSTS = 'C:\\Windows\\System32\\drivers\\etc\\hosts';

/** The addresses of a name, and how long they may be kept. */
export interface ResolvedHost {
  readonly addresses: readonly string[];
  readonly ttlMs: number;
}

/** Where a SystemResolver looks; the defaults are those of the operating system. */
export interface SystemResolverOptions {
  servers?: readonly string[];
  hostsPath?: string;
  resolvConfPath?: string;
  queryTimeoutMs?: number;
}

/**
 * Resolves names without getaddrinfo.
 *
 * getaddrinfo blocks one of libuv's four threads, which files and crypto share, for as long as the slowest name server
 * of any customer likes. c-ares keeps every query on the event loop, so a name that hangs costs only those who ask for it.
 * What getaddrinfo does besides DNS is done here: the hosts file, `localhost`, and the search domains that short names
 * need in Kubernetes. Other NSS modules (mDNS, LDAP) are not consulted, and there is deliberately no fallback to
 * getaddrinfo: customers choose the names, so any fallback would be theirs to occupy.
 *
 * Unlike glibc, a name with a dot is tried as it stands before the search domains, whatever `ndots` says: a customer's
 * public name must not be answered by a search domain, and it saves queries.
 */
export class SystemResolver {
  private readonly hosts: WatchedFile<HostsTable>;
  private readonly searchList: WatchedFile<SearchList>;
  private resolver: Resolver;

  constructor(private readonly options: SystemResolverOptions = {}) {
    const hostsPath = options.hostsPath ?? (process.platform === 'win32' ? WINDOWS_HOSTS : '/etc/hosts');
    this.resolver = this.createResolver();
    this.hosts = new WatchedFile(hostsPath, parseHosts);
    this.searchList = new WatchedFile(options.resolvConfPath ?? '/etc/resolv.conf', parseSearchList, () => {
      // c-ares reads its servers once; queries under way finish on the old channel.
      this.resolver = this.createResolver();
    });
  }

  /** Rejects with the c-ares error (code ENOTFOUND, ENODATA, ETIMEOUT, ESERVFAIL, ...) when there is no address. */
  async resolve(hostname: string): Promise<ResolvedHost> {
    const name = hostname.toLowerCase();
    const hosts = await this.hosts.get();
    const listed = hosts.get(name);
    if (listed !== undefined) {
      return { addresses: listed, ttlMs: MIN_TTL_MS };
    }
    // RFC 6761: never ask a name server for these.
    if (name === 'localhost' || name.endsWith('.localhost')) {
      return LOOPBACK;
    }
    return this.resolveCandidates(candidatesFor(name, await this.searchList.get()));
  }

  /** Fails all queries under way. */
  cancel(): void {
    this.resolver.cancel();
  }

  private createResolver(): Resolver {
    const resolver = new Resolver({ timeout: this.options.queryTimeoutMs ?? 1_500, tries: 2 });
    if (this.options.servers !== undefined) {
      resolver.setServers(this.options.servers);
    }
    return resolver;
  }

  private async resolveCandidates(candidates: readonly string[]): Promise<ResolvedHost> {
    let failure: unknown;
    for (const candidate of candidates) {
      try {
        return await this.query(candidate);
      } catch (error) {
        failure = error;
        if (!NOT_FOUND_CODES.has(codeOf(failure))) {
          break;
        }
      }
    }
    throw failure;
  }

  private async query(name: string): Promise<ResolvedHost> {
    const { resolver } = this;
    const families = [resolver.resolve4(name, { ttl: true }), resolver.resolve6(name, { ttl: true })];
    const records: { address: string; ttl: number }[] = [];
    const settled = families.map((family) => family.then((found) => void records.push(...found)));
    try {
      await Promise.any(settled);
    } catch (error) {
      throw mostTellingOf(error);
    }
    await withGrace(Promise.allSettled(settled));
    // IPv4 first, whichever answer was faster: broken IPv6 is the more common of the two.
    records.sort((a, b) => isIP(a.address) - isIP(b.address));
    const ttlMs = 1_000 * Math.min(...records.map((record) => record.ttl));
    return {
      addresses: records.map((record) => record.address),
      ttlMs: Math.min(Math.max(ttlMs, MIN_TTL_MS), MAX_TTL_MS),
    };
  }
}

/** Lists the absolute names to try for a name, best first. */
export function candidatesFor(name: string, searchList: SearchList): string[] {
  const dots = name.split('.').length - 1;
  if (dots >= searchList.ndots) {
    return [name];
  }
  const searched = searchList.domains.map((domain) => `${name}.${domain}`);
  return dots === 0 ? [...searched, name] : [name, ...searched];
}

/** Of the errors of the two families, a time-out or a server failure says more than "no such record". */
function mostTellingOf(error: unknown): unknown {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.find((one) => !NOT_FOUND_CODES.has(codeOf(one))) ?? errors[0];
}

async function withGrace(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const grace = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, OTHER_FAMILY_GRACE_MS);
  });
  await Promise.race([work, grace]);
  clearTimeout(timer);
}
