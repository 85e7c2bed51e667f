import { Command } from 'commander';
import { type Config } from '@/infra/config/config';
import { UsageError } from './usage-error';

const TIMEOUT_MS = 5_000;

/** `posthorn healthcheck`. */
export function healthcheckCommand(config: () => Config): Command {
  return new Command('healthcheck')
    .description('exit with 0 when the server is ready, else with 1 and the reason; for containers')
    .argument('[url]', 'the server; by default the one of LISTEN_ADDRESS on this machine')
    .action(async (url?: string) => {
      const target = `${url ?? ownUrl(config().listenAddress)}/health/ready`;
      let response: Response;
      try {
        response = await fetch(target, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      } catch (error) {
        throw new UsageError(`${target}: ${reasonOf(error)}`);
      }
      if (!response.ok) {
        throw new UsageError(`${target}: ${response.status} ${await response.text()}`);
      }
      process.stdout.write('ready\n');
    });
}

/** `fetch` says only that it failed; why is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return [error.message, code].filter((part) => part !== '').join(': ');
}

function ownUrl(listenAddress: string): string {
  const colon = listenAddress.lastIndexOf(':');
  const host = listenAddress.slice(0, colon);
  const isAny = host === '0.0.0.0' || host === '[::]';
  return `http://${isAny ? '127.0.0.1' : host}:${listenAddress.slice(colon + 1)}`;
}
