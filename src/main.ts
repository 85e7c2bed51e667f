import { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Config } from '@/infra/config/config';
import { withSecrets } from '@/infra/config/generated-secrets';
import { openDatabase } from '@/infra/database/open-database';
import { Lifecycle } from '@/infra/lifecycle/lifecycle';
import { createLogger, type Logger } from '@/infra/observability/logger';
import { ALL_ROLES, type Role } from '@/roles/app.module';
import { createApp } from '@/roles/create-app';
import { printBanner } from './banner';

/** A server that runs. */
export interface RunningServer {
  /** Where the API is, for example `http://127.0.0.1:8071`. */
  url: string;
  /** Drains, stops, and leaves everything in the database that is not done. Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts the server: database, migrations, the hold on the database, then the roles. */
export async function startServer(config: Config, roles: readonly Role[] = ALL_ROLES): Promise<RunningServer> {
  const complete = await withSecrets(config);
  const logger = createLogger(complete);
  const database = await openDatabase(complete, logger, {
    onLost: (error) => {
      logger.fatal({ err: error }, 'the hold on the database is lost for good, so this process ends');
      process.exit(1);
    },
  });
  let app: NestFastifyApplication | undefined;
  try {
    app = await createApp(database.config, roles, logger, database.hold);
    const url = await listen(app, complete.listenAddress);
    printBanner({ config: complete, roles, url, database });
    const running = app;
    return { url, stop: once(() => drainAndStop(running, database, logger, complete.shutdownDelaySeconds)) };
  } catch (error) {
    await stopAll(app, database, logger);
    throw error;
  }
}

/** Load balancers see red readiness first, and only then does anything stop. */
async function drainAndStop(
  app: NestFastifyApplication,
  database: { close(): Promise<void> },
  logger: Logger,
  delaySeconds: number,
): Promise<void> {
  app.get(Lifecycle).drain();
  await delay(delaySeconds * 1000);
  await stopAll(app, database, logger);
}

async function stopAll(
  app: NestFastifyApplication | undefined,
  database: { close(): Promise<void> },
  logger: Logger,
): Promise<void> {
  try {
    await app?.close();
  } catch (error) {
    logger.error(
      { err: error },
      'the stop was not clean; what is not done is in the database and goes on at the next start',
    );
  }
  await database.close();
}

async function listen(app: NestFastifyApplication, address: string): Promise<string> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  await app.listen({ host, port: Number(address.slice(colon + 1)) });
  const { port } = app.getHttpServer().address() as AddressInfo;
  const shownHost = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return `http://${shownHost.includes(':') ? `[${shownHost}]` : shownHost}:${port}`;
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= action());
}
