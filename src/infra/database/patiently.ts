import { setTimeout as delay } from 'node:timers/promises';
import { isTransientDatabaseError } from './database-errors';

const PATIENCE_MS = 5_000;
const PAUSE_MS = 200;

/** Reads again for up to five seconds while the database is away, as it is when it restarts. Only for what may be done twice. */
export async function patiently<T>(read: () => Promise<T>): Promise<T> {
  const startedAtMs = Date.now();
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!isTransientDatabaseError(error) || Date.now() - startedAtMs > PATIENCE_MS) {
        throw error;
      }
      await delay(PAUSE_MS);
    }
  }
}
