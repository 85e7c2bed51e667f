/** It took too long; whatever it was may still happen. */
class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** The promise, or a `DeadlineError` after `timeoutMs`. Does not stop the work. */
export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
