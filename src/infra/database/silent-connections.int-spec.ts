import { Pool } from 'pg';
import { TcpProxy } from '../../../test/support/tcp-proxy';
import { createEmptyDatabase, type TestDatabase } from '../../../test/support/test-database';
import { isDatabaseUnavailable } from './database-errors';
import { endSilentConnection } from './silent-connections';

const SILENCE_MS = 300;

describe('endSilentConnection', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let pool: Pool;

  beforeAll(async () => {
    database = await createEmptyDatabase();
    const url = new URL(database.url);
    proxy = await TcpProxy.start(Number(url.port));
    url.port = String(proxy.port);
    pool = new Pool({ connectionString: url.href, max: 1, onConnect: endSilentConnection(SILENCE_MS) });
    pool.on('error', () => undefined);
  }, 60_000);

  afterAll(async () => {
    await pool?.end();
    await proxy?.close();
    await database?.drop();
  });

  it('ends a query whose server has vanished without a word, as one that may be tried again', async () => {
    await pool.query('SELECT 1');
    proxy.cut();
    const failure: unknown = await pool.query('SELECT 1').catch((error: unknown) => error);
    proxy.heal();

    expect(failure).toMatchObject({ message: expect.stringContaining('has not answered for 300 ms') });
    expect(isDatabaseUnavailable(failure)).toBe(true);
    expect((await pool.query<{ n: number }>('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });

  it('leaves a query alone that takes less', async () => {
    expect((await pool.query('SELECT pg_sleep(0.2)')).rowCount).toBe(1);
    expect((await pool.query('SELECT pg_sleep(0.2)')).rowCount).toBe(1);
  });
});
