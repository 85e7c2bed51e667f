/** What a cache does when it hears of a change. */
export interface CacheListener {
  /** The entry of this key has changed. */
  onChange(key: string): void;
  /** Changes may have been missed. */
  onGap(): void;
}

/** Tells the caches of all processes what has changed. */
export abstract class CacheBus {
  /** Tells the others; never rejects, because their entries expire by themselves. */
  abstract publish(cache: string, key: string): Promise<void>;

  /** Hears what others tell of one cache. */
  abstract subscribe(cache: string, listener: CacheListener): void;

  /** False while changes of other processes cannot be heard; entries must then not be trusted for long. */
  abstract get isConnected(): boolean;
}

/** For a process that is alone: there is nobody to tell. */
export class LocalCacheBus extends CacheBus {
  readonly isConnected = true;

  async publish(): Promise<void> {
    // Nobody listens.
  }

  subscribe(): void {
    // Nobody speaks.
  }
}
