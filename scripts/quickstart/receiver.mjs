import { createServer } from 'node:http';
import { Failure } from '../support/terminal.mjs';

/** What a customer would run: an HTTP server on a free port of this machine that answers every webhook with a 204. */
export async function startReceiver() {
  const arrived = [];
  const listeners = new Set();
  const timers = new Set();
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(204).end();
      const { method, url, headers } = request;
      const arrival = { method, path: url, headers, body: Buffer.concat(chunks).toString('utf8') };
      arrived.push(arrival);
      listeners.forEach((listener) => listener(arrival));
    });
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address();

  return {
    url: `http://127.0.0.1:${port}/webhooks`,
    onArrival: (listener) => listeners.add(listener),
    /** The request that delivers a message; after `timeoutMs` it throws a `Failure` with what `explain` finds out. */
    waitFor: (messageId, timeoutMs, explain) => {
      const isIt = ({ headers }) => headers['webhook-id'] === messageId || headers['svix-id'] === messageId;
      return new Promise((resolve, reject) => {
        const check = (arrival) => {
          if (isIt(arrival)) {
            clearTimeout(timer);
            listeners.delete(check);
            resolve(arrival);
          }
        };
        const timer = setTimeout(async () => {
          listeners.delete(check);
          reject(new Failure(`Nothing arrived within ${timeoutMs / 1000} s.`, await explain()));
        }, timeoutMs);
        timers.add(timer);
        listeners.add(check);
        arrived.filter(isIt).slice(0, 1).forEach(check);
      });
    },
    /** Gives up on what has not arrived, and stops. */
    close: () => {
      timers.forEach(clearTimeout);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
