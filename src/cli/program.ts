import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ConfigError, loadConfig } from '@/infra/config/config';
import { healthcheckCommand } from './healthcheck.command';
import { configDocsCommand, openapiCommand } from './docs.commands';
import { migrateCommand } from './migrate.command';
import { serveCommand } from './serve.command';
import { tokenCommand } from './token.command';

const HELP = `
Settings come from the environment; docs/configuration.md lists them all. With none at all, Posthorn runs
its own PostgreSQL and keeps everything in ./.posthorn.

Examples:
  $ posthorn serve                                    start everything in one process
  $ posthorn token create                             a token for the default organization
  $ LISTEN_ADDRESS=0.0.0.0:80 DATABASE_URL=postgres://... posthorn serve`;

/** The command line: parses it, runs the command, and ends with 0, or 1 and the reason on stderr. */
export async function runCli(argv: string[]): Promise<void> {
  const program = new Command('posthorn')
    .description('Posthorn sends webhooks: durable before the ack, fast because batched.')
    .version(packageVersion(), '-v, --version')
    .addHelpText('after', HELP)
    .showHelpAfterError('(posthorn --help shows what there is)');
  const config = (): ReturnType<typeof loadConfig> => loadConfig(process.env);
  program.addCommand(serveCommand(config));
  program.addCommand(migrateCommand(config));
  program.addCommand(tokenCommand(config));
  program.addCommand(openapiCommand());
  program.addCommand(configDocsCommand());
  program.addCommand(healthcheckCommand(config));
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exitCode = 1;
  }
}

/** Expected problems read as one message; anything else shows where it came from. */
function describe(error: unknown): string {
  if (error instanceof ConfigError) {
    return `Cannot start, a setting is wrong:\n${error.message}`;
  }
  if (error instanceof CommanderError || (error instanceof Error && EXPECTED.has(error.name))) {
    return error.message;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

const EXPECTED = new Set(['DatabaseInUseError', 'DataDirInUseError', 'UsageError', 'UnsupportedDatabaseError']);

function packageVersion(): string {
  // The compiled file is at dist/src/cli/, the package at the root.
  const text = readFileSync(join(__dirname, '../../../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
