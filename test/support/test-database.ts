import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import { runMigrations } from '@/infra/database/run-migrations';
import { TEMPLATE, TEMPLATE_DRAFT } from './template-database';

/** Key of the advisory lock under which one test file builds the template and the others wait. */
const TEMPLATE_LOCK = 7_054_961_090;
const SOURCE_IN_USE = '55006';
const COPY_TRIES = 50;
const COPY_PAUSE_MS = 20;

/** A database that belongs to one test file. */
export interface TestDatabase {
  url: string;
  /** Removes it, cutting off whoever is connected. */
  drop(): Promise<void>;
}

/** Makes a database with the current schema: a copy of the template, which the first caller of the run builds. */
export function createTestDatabase(): Promise<TestDatabase> {
  return withAdmin(async (admin) => {
    await ensureTemplate(admin);
    return createDatabase(admin, TEMPLATE);
  });
}

/** Makes a database without any table. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return withAdmin((admin) => createDatabase(admin, 'template1'));
}

/** Built here and not in the global set-up, because there Jest does not resolve the aliases in the imports of the migrations. */
async function ensureTemplate(admin: Client): Promise<void> {
  if (await hasTemplate(admin)) {
    return;
  }
  await admin.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    if (!(await hasTemplate(admin))) {
      await buildTemplate(admin);
    }
  } finally {
    await admin.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
}

async function hasTemplate(admin: Client): Promise<boolean> {
  return (await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [TEMPLATE])).rowCount === 1;
}

async function buildTemplate(admin: Client): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${TEMPLATE_DRAFT} WITH (FORCE)`);
  await admin.query(`CREATE DATABASE ${TEMPLATE_DRAFT} TEMPLATE template0`);
  await runMigrations(urlOf(TEMPLATE_DRAFT));
  // Nobody may connect to it: a connection would keep it from being copied.
  await admin.query(`ALTER DATABASE ${TEMPLATE_DRAFT} ALLOW_CONNECTIONS false`);
  await whenUnused(() => admin.query(`ALTER DATABASE ${TEMPLATE_DRAFT} RENAME TO ${TEMPLATE}`));
}

async function createDatabase(admin: Client, template: string): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  // 30 ms where fsync is off; the default strategy, which logs every page, takes 130 ms.
  await whenUnused(() => admin.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`));
  return {
    url: urlOf(name),
    drop: () =>
      withAdmin(async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

/** A connection that is just ending, or the vacuum, can hold a database for a moment. */
async function whenUnused(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof DatabaseError && error.code === SOURCE_IN_USE) || attempt === COPY_TRIES) {
        throw error;
      }
      await sleep(COPY_PAUSE_MS);
    }
  }
}

async function withAdmin<T>(work: (admin: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: urlOf('postgres') });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function urlOf(database: string): string {
  const server = process.env['POSTHORN_TEST_POSTGRES_URL'];
  if (server === undefined) {
    throw new Error(
      'There is no POSTHORN_TEST_POSTGRES_URL: run this file in the jest project "integration" or "e2e".',
    );
  }
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}
