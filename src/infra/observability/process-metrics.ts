import cluster from 'node:cluster';
import { AggregatorRegistry, type Registry } from 'prom-client';

const QUESTION = 'posthorn:metrics';
const TIMEOUT_MS = 5_000;

/** What the process that holds the port answers. */
export type MetricsAnswer = { metrics: string } | { error: string };

/** True for the message by which a process asks for the metrics of all. */
export function isMetricsQuestion(message: unknown): boolean {
  return message === QUESTION;
}

/**
 * The metrics as Prometheus reads them. Behind a shared port any process may be asked, so that it answers for all
 * processes of the group: counters and histograms are summed.
 */
export async function readMetrics(registry: Registry): Promise<string> {
  return cluster.isWorker ? askForAll() : registry.metrics();
}

/** Lets the process that holds the port collect these metrics. */
export function shareMetrics(registry: Registry): void {
  AggregatorRegistry.setRegistries([registry]);
  if (cluster.isWorker) {
    // Making one is what installs the listener for the question of the other side.
    new AggregatorRegistry();
  }
}

async function askForAll(): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the metrics of all processes took too long')), TIMEOUT_MS);
    const onMessage = (message: unknown): void => {
      if (typeof message !== 'object' || message === null || !('metrics' in message || 'error' in message)) {
        return;
      }
      clearTimeout(timer);
      process.off('message', onMessage);
      if ('metrics' in message) {
        resolve(String(message.metrics));
      } else {
        reject(new Error(String(message.error)));
      }
    };
    process.on('message', onMessage);
  });
  process.send?.(QUESTION);
  return answer;
}
