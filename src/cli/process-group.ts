import cluster, { type Worker } from 'node:cluster';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { AggregatorRegistry } from 'prom-client';
import { type Config } from '@/infra/config/config';
import { createLogger } from '@/infra/observability/logger';
import { isMetricsQuestion, type MetricsAnswer } from '@/infra/observability/process-metrics';

const RESTART_PAUSE_MS = 1_000;

/** How many processes POSTHORN_PROCESSES asks for. */
export function processCount(config: Config): number {
  return config.processes === 'auto' ? availableParallelism() : Number(config.processes);
}

/**
 * Runs `count` processes of the same command behind one port, which this one holds for them. One that dies is started
 * again; a signal stops them all. Resolves when all have stopped.
 */
export async function runProcessGroup(count: number, config: Config, signal: Promise<void>): Promise<void> {
  const log = createLogger(config);
  const metrics = new AggregatorRegistry();
  let isStopping = false;
  const fork = (): void => {
    const worker = cluster.fork();
    worker.on('message', (message: unknown) => {
      if (isMetricsQuestion(message)) {
        void answerMetrics(worker, metrics);
      }
    });
  };
  cluster.on('exit', (worker, code, cause) => {
    if (isStopping) {
      return;
    }
    log.error({ pid: worker.process.pid, code, signal: cause }, 'a process ended; it is started again');
    void delay(RESTART_PAUSE_MS).then(() => isStopping || fork());
  });
  for (let started = 0; started < count; started++) {
    fork();
  }
  await signal;
  isStopping = true;
  const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  await Promise.all(workers.map((worker) => stop(worker)));
}

async function stop(worker: Worker): Promise<void> {
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.process.kill('SIGTERM');
  await ended;
}

async function answerMetrics(
  worker: Worker,
  metrics: Pick<AggregatorRegistry<never>, 'clusterMetrics'>,
): Promise<void> {
  let answer: MetricsAnswer;
  try {
    answer = { metrics: await metrics.clusterMetrics() };
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  if (worker.isConnected()) {
    worker.send(answer);
  }
}
