/** Knows which methods a path has, so that a wrong method is answered with 405 and `Allow` rather than 404. */
export class AllowedMethods {
  private readonly routes: { pattern: RegExp; method: string }[] = [];

  add(url: string, methods: string | string[]): void {
    const pattern = toPattern(url);
    if (pattern === undefined) {
      return;
    }
    for (const method of [methods].flat()) {
      this.routes.push({ pattern, method });
    }
  }

  /** The methods of a path without its query; empty when the path does not exist. */
  of(path: string): string[] {
    const methods = this.routes.filter((route) => route.pattern.test(path)).map((route) => route.method);
    return [...new Set(methods)].filter((method) => method !== 'OPTIONS').sort();
  }
}

/** A catch-all route is not a path of its own, and has no pattern. */
function toPattern(url: string): RegExp | undefined {
  if (url.includes('*')) {
    return undefined;
  }
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:[A-Za-z_]+/g, '[^/]+')
    .replace(/\/$/, '');
  return new RegExp(`^${source}/?$`);
}
