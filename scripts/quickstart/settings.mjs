import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { ROOT } from '../support/commands.mjs';

const HOST = '127.0.0.1';
const PORT = 8071;
const LOOPBACK = '127.0.0.0/8';

/** The settings of the server: embedded mode on the default folder, with the receiver on this machine let through. */
export async function serverSettings(given) {
  const isPortFree = given.LISTEN_ADDRESS !== undefined || (await canListen(HOST, PORT));
  const allowed = given.EGRESS_ALLOW_SUBNETS ? `${given.EGRESS_ALLOW_SUBNETS},${LOOPBACK}` : LOOPBACK;
  const env = {
    ...given,
    DATA_DIR: resolve(ROOT, given.DATA_DIR || join(ROOT, '.posthorn')),
    LISTEN_ADDRESS: given.LISTEN_ADDRESS || `${HOST}:${isPortFree ? PORT : 0}`,
    EGRESS_ALLOW_SUBNETS: allowed,
    // Read by this script, which shows what matters.
    LOG_LEVEL: 'info',
    LOG_FORMAT: 'json',
  };
  delete env.DATABASE_URL;
  delete env.REDIS_URL;
  return { env, note: isPortFree ? undefined : `port ${PORT} is taken, so a free one is used` };
}

function canListen(host, port) {
  return new Promise((answer) => {
    const probe = createServer();
    probe.once('error', () => answer(false));
    probe.listen(port, host, () => probe.close(() => answer(true)));
  });
}
