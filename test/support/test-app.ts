import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type AddressInfo } from 'node:net';
import { createToken } from '@/features/auth/tokens';
import { type Config, loadConfig, withConfig } from '@/infra/config/config';
import { createApp } from '@/roles/create-app';
import { createTestDatabase, type TestDatabase } from './test-database';

/** The whole program on a database of its own, on a random loopback port. */
export interface TestApp {
  url: string;
  config: Config;
  app: NestFastifyApplication;
  /** A token of an organization, by default the one of the whole test; with `appId` an application token. */
  token(options?: { orgId?: string; appId?: string }): string;
  stop(): Promise<void>;
}

export const TEST_ORGANIZATION = 'org_23rb8YdGqMT0qIzpgGwdXfHirMu';

/**
 * Starts every role in this process. `env` holds settings as variables; private addresses of loopback are allowed. With
 * `given` it works on that database and leaves it in place, so that it can be started again on what it left behind.
 */
export async function startTestApp(env: Record<string, string> = {}, given?: TestDatabase): Promise<TestApp> {
  const database = given ?? (await createTestDatabase());
  const config = withConfig(
    loadConfig({
      EGRESS_ALLOW_SUBNETS: '127.0.0.0/8',
      LOG_LEVEL: 'error',
      LOG_FORMAT: 'json',
      JWT_SECRET: 'a secret of the tests only',
      MAIN_SECRET: 'another secret of the tests',
      RETRY_SCHEDULE: '1,1,1',
      ...env,
    }),
    { databaseUrl: database.url },
  );
  const app = await createApp(config);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.getHttpServer().address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    config,
    app,
    token: (options = {}) =>
      createToken(config, { orgId: options.orgId ?? TEST_ORGANIZATION, appId: options.appId }, 3600),
    stop: async () => {
      await app.close();
      if (given === undefined) {
        await database.drop();
      }
    },
  };
}
