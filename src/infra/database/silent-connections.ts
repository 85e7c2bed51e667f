import { type Socket } from 'node:net';
import { type ClientBase } from 'pg';

/**
 * For `onConnect` of a pool: ends a connection on which nothing has happened for `silenceMs`, which is longer than any
 * statement may take. Without it a server that vanished without a word, as at a failover, would keep its queries waiting
 * until the system gives the connection up, which takes a quarter of an hour.
 */
export function endSilentConnection(silenceMs: number): (client: ClientBase) => void {
  return (client) => {
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    stream.setTimeout(silenceMs, () => {
      const error = new Error(`PostgreSQL has not answered for ${silenceMs} ms`);
      stream.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
    });
  };
}
