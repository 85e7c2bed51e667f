import { LRUCache } from 'lru-cache';
import { type Connection } from './connection';

/** A connection this old is not used again, so that a change in DNS reaches even a busy endpoint. */
const MAX_CONNECTION_AGE_MS = 300_000;
/** Some servers close after every response without saying so; this long after such a surprise nothing is kept for them. */
const DISTRUST_MS = 30_000;
const MAX_DISTRUSTED = 5_000;

/**
 * Keep-alive connections without an exchange, by origin. The most recently used one of an origin is taken first; over
 * `maxIdle`, the one that was idle longest is closed, whatever its origin. An origin without connections leaves no trace.
 */
export class IdleConnections {
  private readonly byOrigin = new Map<string, Connection[]>();
  /** In the order in which they became idle. */
  private readonly all = new Set<Connection>();

  private readonly distrusted = new LRUCache<string, true>({ max: MAX_DISTRUSTED, ttl: DISTRUST_MS });

  constructor(private readonly maxIdle: number) {}

  get size(): number {
    return this.all.size;
  }

  take(origin: string): Connection | undefined {
    for (;;) {
      const connection = this.byOrigin.get(origin)?.at(-1);
      if (connection === undefined) {
        return undefined;
      }
      this.remove(connection);
      if (connection.isUsable) {
        return connection;
      }
    }
  }

  put(connection: Connection): void {
    const isOld = performance.now() - connection.openedAt > MAX_CONNECTION_AGE_MS;
    if (isOld || this.distrusted.has(connection.origin)) {
      connection.drop();
      return;
    }
    connection.isReused = true;
    this.all.add(connection);
    const siblings = this.byOrigin.get(connection.origin);
    if (siblings === undefined) {
      this.byOrigin.set(connection.origin, [connection]);
    } else {
      siblings.push(connection);
    }
    this.evict();
  }

  /** Forgets a connection that closed; one that is not idle is ignored. */
  remove(connection: Connection): void {
    if (!this.all.delete(connection)) {
      return;
    }
    const siblings = this.byOrigin.get(connection.origin) ?? [];
    if (siblings.at(-1) === connection) {
      siblings.pop();
    } else {
      siblings.splice(siblings.indexOf(connection), 1);
    }
    if (siblings.length === 0) {
      this.byOrigin.delete(connection.origin);
    }
  }

  /** Keeps no connections to an origin for a while, because one failed when it was used again: it may cost duplicates. */
  distrust(origin: string): void {
    this.distrusted.set(origin, true);
  }

  dropAll(): void {
    for (const connection of [...this.all]) {
      this.remove(connection);
      connection.drop();
    }
  }

  private evict(): void {
    for (const oldest of this.all) {
      if (this.all.size <= this.maxIdle) {
        return;
      }
      this.remove(oldest);
      oldest.drop();
    }
  }
}
