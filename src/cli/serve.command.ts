import { Command, Option } from 'commander';
import { type Config } from '@/infra/config/config';
import { startServer } from '@/main';
import { ALL_ROLES, type Role } from '@/roles/app.module';
import { UsageError } from './usage-error';

/** A stop that takes longer than this is cut off; what is not done is in the database and goes on at the next start. */
const STOP_DEADLINE_MS = 30_000;

/** `posthorn serve`. */
export function serveCommand(config: () => Config): Command {
  return new Command('serve')
    .description('start the server; Ctrl-C or SIGTERM drains and stops it')
    .addOption(new Option('--role <role>', 'what this process does').choices(['all', ...ALL_ROLES]).default('all'))
    .action(async ({ role }: { role: Role | 'all' }) => {
      if (role !== 'all') {
        throw new UsageError(
          `--role ${role} needs REDIS_URL: without Redis the roles have no queue between them. Run --role all.`,
        );
      }
      // Heard from the first moment on: a signal during the start stops the server once it can be stopped.
      const signal = nextSignal();
      const server = await startServer(config());
      await signal;
      await server.stop();
    });
}

/** Resolves at SIGTERM or SIGINT; the process then ends by itself, or is ended after the deadline. */
function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    const onSignal = (): void => {
      setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref();
      resolve();
    };
    process.once('SIGTERM', onSignal);
    process.once('SIGINT', onSignal);
  });
}
