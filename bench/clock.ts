// The monotonic clock of the machine has the same origin in every process, unlike performance.now().
const [seconds, nanoseconds] = process.hrtime();
const offsetMs = seconds * 1e3 + nanoseconds / 1e6 - performance.now();

/** Milliseconds on a clock that all processes of this machine share and that never jumps. */
export function monotonicMs(): number {
  return performance.now() + offsetMs;
}
