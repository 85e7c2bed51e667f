import cluster from 'node:cluster';
import { Command, Option } from 'commander';
import { type Config } from '@/infra/config/config';
import { checkConnectionBudget } from '@/infra/database/connection-budget';
import { createLogger } from '@/infra/observability/logger';
import { startServer } from '@/main';
import { ALL_ROLES, type Role } from '@/roles/app.module';
import { processCount, runProcessGroup } from './process-group';
import { UsageError } from './usage-error';

/** `posthorn serve`. */
export function serveCommand(config: () => Config): Command {
  return new Command('serve')
    .description('start the server; Ctrl-C or SIGTERM drains and stops it')
    .addOption(new Option('--role <role>', 'what this process does').choices(['all', ...ALL_ROLES]).default('all'))
    .action(async ({ role }: { role: Role | 'all' }) => {
      const settings = config();
      if (role !== 'all' && settings.redisUrl.length === 0) {
        throw new UsageError(
          `--role ${role} needs REDIS_URL: without Redis the roles have no queue between them. Run --role all.`,
        );
      }
      // Heard from the first moment on: a signal during the start stops the server once it can be stopped.
      const signal = nextSignal(settings);
      const count = processCount(settings);
      if (count > 1 && cluster.isPrimary) {
        await serveByGroup(count, settings, signal);
        return;
      }
      const server = await startServer(settings, role === 'all' ? ALL_ROLES : [role]);
      await signal;
      await server.stop();
      // A process of a group ends only when it lets go of the one that holds the port.
      cluster.worker?.disconnect();
    });
}

async function serveByGroup(count: number, config: Config, signal: Promise<void>): Promise<void> {
  if (config.redisUrl.length === 0) {
    throw new UsageError(
      `POSTHORN_PROCESSES=${config.processes} needs REDIS_URL: without Redis one process does everything.`,
    );
  }
  await checkConnectionBudget(config, count, createLogger(config));
  await runProcessGroup(count, config, signal);
}

/** Resolves at SIGTERM or SIGINT; the process then ends by itself, or is ended after the deadline. */
function nextSignal(config: Config): Promise<void> {
  const deadlineMs = (config.shutdownDelaySeconds + config.shutdownTimeoutSeconds) * 1000;
  return new Promise((resolve) => {
    const onSignal = (): void => {
      setTimeout(() => cutOff(config), deadlineMs).unref();
      resolve();
    };
    process.once('SIGTERM', onSignal);
    process.once('SIGINT', onSignal);
  });
}

/** What is not done by then is in the database and goes on elsewhere, or at the next start. */
function cutOff(config: Config): void {
  createLogger(config).warn(
    {},
    'the stop was cut off after SHUTDOWN_TIMEOUT_SECONDS; what is not done goes on elsewhere',
  );
  process.exit(1);
}
