import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './clock';
import { type Ledger } from './ledger';
import { percentiles, type Percentiles } from './percentiles';
import { type MessagePoster } from './poster';
import { type BenchReceiver } from './receiver';

/** A load that runs until it is stopped; `lag` is how late an open loop's own timer was, in milliseconds. */
export interface RunningLoad {
  stop(): void;
  lag(): Percentiles | null;
}

/**
 * Posts as fast as the server acks while fewer than `backlog` deliveries are on their way, so that what is measured
 * is what the whole path sustains, and not how fast a queue can grow.
 */
export function startClosedLoop(
  poster: MessagePoster,
  receiver: BenchReceiver,
  ledger: Ledger,
  backlog: number,
): RunningLoad {
  let stopped = false;
  const pump = (): void => {
    while (!stopped && poster.hasFree && ledger.outstanding < backlog) {
      poster.post();
    }
  };
  poster.onFree = pump;
  receiver.onBatch = pump;
  pump();
  return { stop: () => void (stopped = true), lag: () => null };
}

/** Posts at a fixed rate (messages a second), whatever the server does. */
export function startOpenLoop(poster: MessagePoster, rate: number): RunningLoad {
  const intervalMs = 1_000 / rate;
  const lags: number[] = [];
  let dueAt = monotonicMs() + intervalMs;
  let timer: NodeJS.Timeout;
  const tick = (): void => {
    const now = monotonicMs();
    for (; dueAt <= now; dueAt += intervalMs) {
      lags.push(now - dueAt);
      poster.post();
    }
    timer = setTimeout(tick, Math.max(0, dueAt - monotonicMs()));
  };
  timer = setTimeout(tick, intervalMs);
  return { stop: () => clearTimeout(timer), lag: () => percentiles(lags) };
}

/** Waits until everything posted is answered and has arrived; returns false when `timeoutMs` have passed before. */
export async function drain(ledger: Ledger, timeoutMs: number): Promise<boolean> {
  const deadline = monotonicMs() + timeoutMs;
  while (ledger.outstanding > 0 || ledger.unanswered > 0) {
    if (monotonicMs() > deadline) {
      return false;
    }
    await sleep(20);
  }
  // Duplicates come after their originals: leave them a moment.
  await sleep(500);
  return true;
}
