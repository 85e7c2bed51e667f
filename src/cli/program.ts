import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ConfigError, loadConfig } from '@/infra/config/config';
import { DataDirInUseError } from '@/infra/database/embedded/data-dir-lock';
import { DatabaseInUseError } from '@/infra/database/instance-lock';
import { UnsupportedDatabaseError } from '@/infra/database/run-migrations';
import { healthcheckCommand } from './healthcheck.command';
import { configDocsCommand, openapiCommand } from './docs.commands';
import { migrateCommand } from './migrate.command';
import { serveCommand } from './serve.command';
import { tokenCommand } from './token.command';
import { UsageError } from './usage-error';

/** What an operator can mend, so that a stack trace would only be in the way. */
const EXPECTED = [CommanderError, DatabaseInUseError, DataDirInUseError, UnsupportedDatabaseError, UsageError];

const ADVICE: Record<string, string> = {
  EADDRINUSE: 'LISTEN_ADDRESS: another program listens there; choose another port, or 0 for a free one',
  EACCES: 'LISTEN_ADDRESS: this user may not listen there; ports below 1024 need a privilege',
  EADDRNOTAVAIL: 'LISTEN_ADDRESS: this machine does not have that address',
  ECONNREFUSED: 'DATABASE_URL: nothing listens there; is PostgreSQL running?',
  ENOTFOUND: 'DATABASE_URL: the name of the host does not resolve',
  '28P01': 'DATABASE_URL: PostgreSQL refuses the password',
  '3D000': 'DATABASE_URL: the database does not exist; create it first',
};

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
  if (EXPECTED.some((type) => error instanceof type)) {
    return (error as Error).message;
  }
  const advice = error instanceof Error && 'code' in error ? ADVICE[String(error.code)] : undefined;
  if (advice !== undefined) {
    return `${advice}\n(${(error as Error).message})`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function packageVersion(): string {
  // The compiled file is at dist/src/cli/, the package at the root.
  const text = readFileSync(join(__dirname, '../../../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
