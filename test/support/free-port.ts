import { createServer } from 'node:net';

/** Below the ports that the system gives to outgoing connections, so that none of them takes it while its server is down. */
const FIRST = 20_000;
const COUNT = 12_000;

/** A port of the loopback address that is free now, for a server that has to come back to the same one. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) {
      return port;
    }
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
