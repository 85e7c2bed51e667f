import { Command } from 'commander';
import { createToken, isApplicationId, isOrganizationId } from '@/features/auth/tokens';
import { type Config } from '@/infra/config/config';
import { withSecrets } from '@/infra/config/generated-secrets';
import { UsageError } from './usage-error';

/** The organization of those who run Posthorn for one product. */
const DEFAULT_ORGANIZATION = 'org_23rb8YdGqMT0qIzpgGwdXfHirMu';
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, y: 365 * 86_400 };

interface Options {
  org: string;
  app?: string;
  expiresIn: string;
}

/** `posthorn token create`. */
export function tokenCommand(config: () => Config): Command {
  return new Command('token').description('access tokens').addCommand(
    new Command('create')
      .description('print a token, and only it, on stdout; works whether or not a server runs')
      .option('--org <id>', 'the organization (org_...)', DEFAULT_ORGANIZATION)
      .option('--app <id>', 'limits the token to one application of it (app_...)')
      .option('--expires-in <time>', 'for example 30m, 12h, 90d', '10y')
      .action(async (options: Options) => {
        const settings = await withSecrets(config());
        if (!isOrganizationId(options.org)) {
          throw new UsageError(`--org: expected an id like ${DEFAULT_ORGANIZATION}, got "${options.org}"`);
        }
        if (options.app !== undefined && !isApplicationId(options.app)) {
          throw new UsageError(`--app: expected an id like app_..., got "${options.app}"`);
        }
        const access = { orgId: options.org, appId: options.app };
        process.stdout.write(`${createToken(settings, access, parseSeconds(options.expiresIn))}\n`);
      }),
  );
}

function parseSeconds(text: string): number {
  const match = /^(\d{1,6})([smhdy])$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  if (match === null || unit === undefined) {
    throw new UsageError(`--expires-in: expected a time like 30m, 12h or 90d, got "${text}"`);
  }
  return Number(match[1]) * unit;
}
