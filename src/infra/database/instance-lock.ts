import { Client } from 'pg';

/** Key of the advisory lock that a process without Redis holds for as long as it lives. */
const INSTANCE_LOCK = 7_054_961_002;

/** Another process works on this database already, and without Redis there can be only one. */
export class DatabaseInUseError extends Error {
  override readonly name = 'DatabaseInUseError';
}

/** The hold of this process on its database; gone with the connection, so a killed process never leaves it behind. */
export interface InstanceLock {
  release(): Promise<void>;
}

/**
 * Takes the database for this process alone. Throws `DatabaseInUseError` when another one has it.
 * `onLost` is called when the connection breaks later on.
 */
export async function takeInstanceLock(databaseUrl: string, onLost: (error: Error) => void): Promise<InstanceLock> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'posthorn lock', keepAlive: true });
  await client.connect();
  let isReleased = false;
  client.on('error', (error) => {
    if (!isReleased) {
      onLost(error);
    }
  });
  // The session of a process that was killed a moment ago may need a little to go away.
  for (let attempt = 0; attempt < 20; attempt++) {
    const result = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [INSTANCE_LOCK]);
    if (result.rows[0]?.taken === true) {
      return {
        release: async () => {
          isReleased = true;
          await client.end();
        },
      };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  isReleased = true;
  await client.end();
  throw new DatabaseInUseError(
    'Another Posthorn process uses this database. Without Redis only one may: stop it, or give this one another database.',
  );
}
