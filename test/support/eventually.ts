import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Repeats an assertion until it stops throwing, for what becomes true a little later.
 * Returns its value; throws its last error once `timeoutMs` have passed.
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  timeoutMs = 5_000,
  intervalMs = 25,
): Promise<Awaited<T>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() >= deadline) {
        throw error;
      }
    }
    await sleep(intervalMs);
  }
}
