import { Interrupted } from '../support/commands.mjs';
import { abandonStep, bold, dim, Failure, line, step } from '../support/terminal.mjs';
import { prepareWorkspace } from '../support/workspace.mjs';
import { startReceiver } from './receiver.mjs';
import { showAddresses, showArrival, showAttempt, showNextMessage } from './report.mjs';
import { createToken, startServer } from './server.mjs';
import { serverSettings } from './settings.mjs';

const ARRIVAL_TIMEOUT_MS = 30_000;

/** Runs the whole tour; with `--once` it ends after the webhook is verified, else it serves until a signal comes. */
export async function quickstart(args, signal) {
  const isOnce = args.includes('--once');
  const unknown = args.filter((arg) => arg !== '--once');
  if (unknown.length > 0) {
    throw new Failure(`Usage: npm run quickstart [-- --once]. There is no ${unknown.join(' ')}.`);
  }
  line(`\n${bold('Posthorn quickstart')}\n`);
  await prepareWorkspace(signal);

  const { env, note } = await serverSettings(process.env);
  const receiver = await startReceiver();
  const server = startServer(env);
  try {
    await whileRunning(server, signal, () => tour({ env, server, receiver, note, isOnce }));
    if (!isOnce) {
      await whileRunning(server, signal, () => new Promise(() => undefined));
    }
  } catch (error) {
    // A signal while it serves is how it is meant to end.
    if (!(error instanceof Interrupted && server.isServing)) {
      abandonStep(error instanceof Interrupted ? 'stopped' : 'failed');
      throw error;
    }
  } finally {
    await stopAll(server, receiver);
  }
}

async function tour({ env, server, receiver, note, isOnce }) {
  // What a signal has ended stays ended: nothing new begins while the server drains.
  const stage = (title, work) => (server.isStopping ? new Promise(() => undefined) : step(title, work));
  const addresses = await stage('Starting the server with its own PostgreSQL', () => server.ready());
  const token = await stage('Creating a token for the organization', () => createToken(env));
  const sdk = await import('./first-message.mjs'); // not earlier: the SDK has only just been installed
  const svix = sdk.connect(new URL(addresses.api).origin, token);
  const sent = await stage('Posting a message with the svix SDK', () => sdk.sendFirstMessage(svix, receiver.url));
  const arrived = await stage('Waiting for the webhook', () =>
    receiver.waitFor(sent.messageId, ARRIVAL_TIMEOUT_MS, () => sdk.explainSilence(svix, sent)),
  );
  await stage('Verifying its signature with standardwebhooks', () => sdk.verify(arrived, sent.secret));
  const attempt = await stage('Reading the recorded attempt', () => sdk.recordedAttempt(svix, sent));

  showArrival(arrived);
  showAttempt(attempt);
  showAddresses({ ...addresses, token, dataDir: env.DATA_DIR, note });
  if (!isOnce) {
    showNextMessage({ api: addresses.api, token, applicationUid: sdk.APPLICATION_UID, eventType: sdk.EVENT_TYPE });
    receiver.onArrival((request) => sdk.showVerdict(request, sent.secret));
    server.showProblems();
    server.isServing = true;
    line(`  ${dim('Serving. Ctrl-C drains and stops it.')}\n`);
  }
}

/** Does the work, unless a signal comes or the server ends before it is done. */
async function whileRunning(server, signal, work) {
  signal.throwIfAborted();
  let onAbort;
  const interrupted = new Promise((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work(), interrupted, server.ended]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function stopAll(server, receiver) {
  await receiver.close();
  if (server.isRunning) {
    line();
    await step('Draining and stopping', () => server.stop());
  }
}
