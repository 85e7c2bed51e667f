import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Logger as PinoLogger } from 'pino';
import { type Config } from '@/infra/config/config';
import { type DatabaseHold } from '@/infra/database/database-hold';
import { configureHttp, fastifyOptions } from '@/infra/http/configure-http';
import { createLogger, NestLogger } from '@/infra/observability/logger';
import { ALL_ROLES, AppModule, type Role } from './app.module';
import { setUpDocs } from './docs';

/**
 * Makes the whole program, ready to listen: used by the server and by every end-to-end test. The database of
 * `config.databaseUrl` must be up to date; while `hold` is lost, it is not touched.
 */
export async function createApp(
  config: Config,
  roles: readonly Role[] = ALL_ROLES,
  logger: PinoLogger = createLogger(config),
  hold?: DatabaseHold,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter(fastifyOptions(config, logger));
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.register(config, roles, logger, hold),
    adapter,
    {
      logger: new NestLogger(logger),
      bodyParser: false,
      abortOnError: false,
    },
  );
  configureHttp(app, config, logger);
  if (roles.includes('api')) {
    setUpDocs(app);
  }
  await app.init();
  return app;
}
