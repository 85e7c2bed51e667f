import { Client, DatabaseError } from 'pg';
import { SUPERUSER } from './cluster';

const DATABASE = 'posthorn';
const DEFAULT_TIMEOUT_MS = 10_000;
const UNKNOWN_DATABASE = '3D000';
const DUPLICATE_DATABASE = '42P04';

/**
 * Connects once, creates the database `posthorn` when it is missing, and returns its URL. Throws what `pg` throws, and
 * when a connection takes longer than `timeoutMs`.
 */
export async function ensureDatabase(password: string, port: number, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
  const url = urlOf(password, port, DATABASE);
  try {
    await withClient(url, timeoutMs, (client) => client.query('SELECT 1'));
  } catch (error) {
    if (!hasCode(error, UNKNOWN_DATABASE)) {
      throw error;
    }
    await createDatabase(urlOf(password, port, 'postgres'), timeoutMs);
  }
  return url;
}

async function createDatabase(adminUrl: string, timeoutMs: number): Promise<void> {
  await withClient(adminUrl, timeoutMs, async (client) => {
    try {
      await client.query(`CREATE DATABASE ${DATABASE}`);
    } catch (error) {
      if (!hasCode(error, DUPLICATE_DATABASE)) {
        throw error;
      }
    }
  });
}

async function withClient(url: string, timeoutMs: number, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: timeoutMs });
  client.on('error', () => undefined); // a broken connection also fails the query that waits on it
  try {
    await client.connect();
    await work(client);
  } finally {
    await client.end();
  }
}

/** Without TLS in so many words: a PGSSLMODE in the user's environment would ask for it, and this server has none. */
function urlOf(password: string, port: number, database: string): string {
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}?sslmode=disable`;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof DatabaseError && error.code === code;
}
