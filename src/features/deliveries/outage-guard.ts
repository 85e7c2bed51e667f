import { type Clock } from '@/common/clock';

/** Longer than a recorder pauses between two tries. */
const SETTLING_MS = 2_500;

/**
 * Keeps this process from taking work for undone right after the database was away. Its outcomes may wait in the memory
 * of some process, which writes them down within a second; what was claimed for it has expired meanwhile.
 */
export class OutageGuard {
  private wasAway = false;
  private restUntilMs = 0;

  constructor(
    private readonly ping: () => Promise<void>,
    private readonly clock: Clock,
  ) {}

  /** Runs `work` and returns what it does, or undefined when it is too early. Rejects when the database is away. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.clock.now() < this.restUntilMs) {
      return undefined;
    }
    try {
      if (!this.wasAway) {
        return await work();
      }
      await this.ping();
      this.wasAway = false;
      this.restUntilMs = this.clock.now() + SETTLING_MS;
      return undefined;
    } catch (error) {
      this.wasAway = true;
      throw error;
    }
  }
}
