import { Command } from 'commander';
import { type Config } from '@/infra/config/config';
import { openDatabase } from '@/infra/database/open-database';
import { runMigrations } from '@/infra/database/run-migrations';
import { createLogger } from '@/infra/observability/logger';

/** `posthorn migrate`. */
export function migrateCommand(config: () => Config): Command {
  return new Command('migrate').description('bring the database up to date and exit').action(async () => {
    const settings = config();
    if (settings.databaseUrl !== undefined) {
      // No hold on the database: migrations are safe beside running servers.
      const executed = await runMigrations(settings.databaseUrl);
      process.stdout.write(executed.length === 0 ? 'Nothing to do.\n' : `${executed.join('\n')}\n`);
      return;
    }
    const database = await openDatabase(settings, createLogger(settings), { onLost: () => process.exit(1) });
    await database.close();
    process.stdout.write('The embedded database is up to date.\n');
  });
}
