import { Client, DatabaseError } from 'pg';
import { type Config, ConfigError } from '@/infra/config/config';
import { type Logger } from '@/infra/observability/logger';

/** Above this share of what the server allows, other processes and a rolling restart hardly fit beside this one. */
const CROWDED_SHARE = 0.8;

const PROTOCOL_VIOLATION = '08P01';

/** True when a pooler, and no server, has refused a setting at the start of a connection. */
export function isRefusedSetting(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === PROTOCOL_VIOLATION && /startup parameter/.test(error.message);
}

/**
 * Compares what this machine's processes may open with what Postgres allows. Throws `ConfigError` when it can never fit,
 * and warns when it is tight. Behind a pooler the server's limit says nothing, and nothing is checked.
 */
export async function checkConnectionBudget(config: Config, processes: number, log: Logger): Promise<void> {
  if (config.databaseUrl === undefined || config.databasePooler !== 'none') {
    return;
  }
  const { max, used } = await readLimits(config.databaseUrl).catch((error: unknown) => {
    throw isRefusedSetting(error)
      ? new ConfigError('DATABASE_POOLER: DATABASE_URL leads to a pooler; say so with DATABASE_POOLER=transaction', {
          cause: error,
        })
      : error;
  });
  const wanted = config.databasePoolSize * processes;
  if (wanted > max) {
    throw new ConfigError(
      `DATABASE_POOL_SIZE: ${config.databasePoolSize} connections for each of ${processes} processes are more than the ${max} that this PostgreSQL allows`,
    );
  }
  if (used + wanted > max * CROWDED_SHARE) {
    log.warn(
      { max, used, wanted },
      'PostgreSQL may run out of connections: lower DATABASE_POOL_SIZE, raise max_connections, or put a pooler between',
    );
  }
}

async function readLimits(url: string): Promise<{ max: number; used: number }> {
  // With a setting, as the connections of the program: a pooler that does not take it is found out here.
  const client = new Client({ connectionString: url, application_name: 'posthorn', statement_timeout: 30_000 });
  client.on('error', () => undefined); // a broken connection also fails the query that waits on it
  try {
    await client.connect();
    const { rows } = await client.query<{ max: number; used: number }>(
      `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS max,
              (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') - 1 AS used`,
    );
    return rows[0] ?? { max: Infinity, used: 0 };
  } finally {
    await client.end();
  }
}
