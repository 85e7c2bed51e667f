import { type Server } from 'node:http';

const EVERY_MS = 50;

/**
 * Makes a stop end with the last answer. Node closes idle connections only once, at its beginning; a connection whose
 * request is answered after that would hold the stop up until its keep-alive time is over.
 */
export function closeConnectionsOnStop(
  fastify: { addHook(name: 'preClose', hook: (done: () => void) => void): unknown },
  server: Server,
): void {
  fastify.addHook('preClose', (done) => {
    const timer = setInterval(() => server.closeIdleConnections(), EVERY_MS);
    server.once('close', () => clearInterval(timer));
    done();
  });
}
