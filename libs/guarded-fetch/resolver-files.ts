import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';

const REFRESH_MS = 5_000;
const MAX_SEARCH_DOMAINS = 6;

/** What the hosts file says: lower-case name to addresses. */
export type HostsTable = ReadonlyMap<string, readonly string[]>;

/** The part of resolv.conf that c-ares does not apply to single queries. */
export interface SearchList {
  readonly domains: readonly string[];
  /** Names with fewer dots than this are also tried under the search domains. */
  readonly ndots: number;
}

/** Parses the format of /etc/hosts; lines that make no sense are skipped. */
export function parseHosts(text: string): HostsTable {
  const table = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(address) === 0 || address.includes('%')) {
      continue;
    }
    for (const name of names) {
      const key = name.toLowerCase().replace(/\.$/, '');
      table.set(key, [...(table.get(key) ?? []), address]);
    }
  }
  return table;
}

/** Parses `search`, `domain` and `options ndots:N` of /etc/resolv.conf. */
export function parseSearchList(text: string): SearchList {
  let domains: string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search' || keyword === 'domain') {
      domains = values.map((value) => value.toLowerCase().replace(/\.$/, '')).filter((value) => value !== '');
    } else if (keyword === 'options') {
      const match = /\bndots:(\d{1,2})\b/.exec(values.join(' '));
      ndots = match === null ? ndots : Number(match[1]);
    }
  }
  return { domains: domains.slice(0, MAX_SEARCH_DOMAINS), ndots };
}

/** A parsed file that is read again when it changes; looks at most every five seconds. */
export class WatchedFile<T> {
  private value: T;
  private fingerprint = '';
  private checkedAt = -Infinity;
  private refreshing: Promise<void> | undefined;

  constructor(
    private readonly path: string,
    private readonly parse: (text: string) => T,
    private readonly onChange: () => void = () => undefined,
  ) {
    this.value = parse('');
  }

  async get(): Promise<T> {
    if (performance.now() - this.checkedAt >= REFRESH_MS) {
      this.refreshing ??= this.refresh().finally(() => {
        this.refreshing = undefined;
      });
      await this.refreshing;
    }
    return this.value;
  }

  private async refresh(): Promise<void> {
    const fingerprint = await stat(this.path).then(
      (found) => `${found.mtimeMs}/${found.size}/${found.ino}`,
      () => 'absent',
    );
    if (fingerprint !== this.fingerprint) {
      // A file that cannot be read is as good as an empty one: names still resolve through DNS.
      this.value = this.parse(await readFile(this.path, 'utf8').catch(() => ''));
      this.fingerprint = fingerprint;
      this.onChange();
    }
    this.checkedAt = performance.now();
  }
}
