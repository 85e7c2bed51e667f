import { type Config } from '@/infra/config/config';

interface Facts {
  config: Config;
  roles: readonly string[];
  url: string;
  database: { description: string };
}

/** What a person wants to know when the server has started, a line each. */
export function banner({ config, roles, url, database }: Facts): string[] {
  const mode = config.databaseUrl === undefined ? 'embedded' : 'standalone';
  return [
    `Posthorn is ready in ${mode} mode, roles ${roles.join(', ')}`,
    `API      ${url}/api/v1`,
    `Docs     ${url}/docs`,
    `Metrics  ${url}/metrics`,
    `Database ${database.description}`,
  ];
}
