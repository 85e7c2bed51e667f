import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type AddressInfo } from 'node:net';
import { createToken } from '@/features/auth/tokens';
import { type Config, loadConfig, withConfig } from '@/infra/config/config';
import { ALL_ROLES, type Role } from '@/roles/app.module';
import { createApp } from '@/roles/create-app';
import { startRedis, type TestRedis } from './redis';
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

/** A process of one role. */
export interface TestRole {
  url: string;
  app: NestFastifyApplication;
}

/** The program as one process for each role, on one database and one Redis; `app` and `url` are those of the api. */
export interface DistributedTestApp extends TestApp {
  worker: TestRole;
  scheduler: TestRole;
  redis: TestRedis;
}

/**
 * Starts every role in this process. `env` holds settings as variables; private addresses of loopback are allowed. With
 * `given` it works on that database and leaves it in place, so that it can be started again on what it left behind.
 */
export async function startTestApp(env: Record<string, string> = {}, given?: TestDatabase): Promise<TestApp> {
  const database = given ?? (await createTestDatabase());
  const config = testConfig(env, database);
  const { app, url } = await startRole(config, ALL_ROLES);
  return {
    url,
    config,
    app,
    token: tokensOf(config),
    stop: async () => {
      await app.close();
      if (given === undefined) {
        await database.drop();
      }
    },
  };
}

/** Starts each role as an application of its own, connected by a real Redis, in this process. */
export async function startDistributedTestApp(env: Record<string, string> = {}): Promise<DistributedTestApp> {
  const redis = await startRedis();
  const database = await createTestDatabase();
  const config = testConfig({ ...env, DATABASE_URL: database.url, REDIS_URL: redis.url }, database);
  const api = await startRole(config, ['api']);
  const worker = await startRole(config, ['worker']);
  const scheduler = await startRole(config, ['scheduler']);
  return {
    ...api,
    config,
    worker,
    scheduler,
    redis,
    token: tokensOf(config),
    stop: async () => {
      for (const role of [api, worker, scheduler]) {
        await role.app.close();
      }
      await redis.stop();
      await database.drop();
    },
  };
}

function testConfig(env: Record<string, string>, database: TestDatabase): Config {
  const config = loadConfig({
    EGRESS_ALLOW_SUBNETS: '127.0.0.0/8',
    LOG_LEVEL: 'error',
    LOG_FORMAT: 'json',
    JWT_SECRET: 'a secret of the tests only',
    MAIN_SECRET: 'another secret of the tests',
    RETRY_SCHEDULE: '1,1,1',
    ...env,
  });
  return withConfig(config, { databaseUrl: database.url });
}

async function startRole(config: Config, roles: readonly Role[]): Promise<TestRole> {
  const app = await createApp(config, roles);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { app, url: `http://127.0.0.1:${port}` };
}

function tokensOf(config: Config): TestApp['token'] {
  return (options = {}) =>
    createToken(config, { orgId: options.orgId ?? TEST_ORGANIZATION, appId: options.appId }, 3600);
}
