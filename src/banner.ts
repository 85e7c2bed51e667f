import { type Config } from '@/infra/config/config';
import { createLogger } from '@/infra/observability/logger';

interface Facts {
  config: Config;
  roles: readonly string[];
  /** Where the API is, for example `http://127.0.0.1:8071`. */
  url: string;
  database: { description: string };
}

/** Says that the server has started, and what a person wants to know then; whatever LOG_LEVEL is, as it names the port. */
export function printBanner({ config, roles, url, database }: Facts): void {
  const log = createLogger({ ...config, logLevel: 'info' });
  const mode =
    config.redisUrl.length > 0 ? 'distributed' : config.databaseUrl === undefined ? 'embedded' : 'standalone';
  const addresses = { api: `${url}/api/v1`, docs: `${url}/docs`, metrics: `${url}/metrics` };
  log.info(
    { mode, roles: roles.join(', '), ...addresses, database: database.description },
    `Posthorn is ready at ${url}`,
  );
}
