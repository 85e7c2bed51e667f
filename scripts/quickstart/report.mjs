import { bold, cyan, dim, green, line } from '../support/terminal.mjs';

/** Headers that say something about the webhook; `host` does not, and `svix-*` says the same as `webhook-*`. */
const SHOWN_HEADERS = /^(webhook-|content-type$|user-agent$)/;

/** The request as the receiver got it. */
export function showArrival({ method, path, headers, body }) {
  title('What the receiver got');
  line(`  ${bold(method)} ${path}`);
  table(Object.entries(headers).filter(([name]) => SHOWN_HEADERS.test(name)));
  line(`\n  ${body}`);
}

/** The attempt as the API has recorded it. */
export function showAttempt({ id, timestamp, responseStatusCode, responseDurationMs, url }) {
  title('What the API recorded');
  table([
    ['attempt', id],
    ['result', `${green('success')}, ${responseStatusCode} after ${responseDurationMs} ms`],
    ['at', timestamp.toISOString()],
    ['endpoint', url],
  ]);
}

export function showAddresses({ api, docs, metrics, token, dataDir, note }) {
  title('Where things are');
  table([
    ['API', `${cyan(api)}${note === undefined ? '' : dim(`  ${note}`)}`],
    ['Docs', cyan(docs)],
    ['Metrics', cyan(metrics)],
    ['Data', dataDir],
    ['Egress', 'deliveries to 127.0.0.0/8 are allowed, for the receiver here; by default they are refused'],
    ['Token', token],
  ]);
  line();
}

/** A command that posts another message. */
export function showNextMessage({ api, token, applicationUid, eventType }) {
  const body = JSON.stringify({ eventType, payload: { type: eventType, invoice: 'in_1043', amount: 99 } });
  line(bold('Post another one'));
  line();
  line(`curl ${api}/app/${applicationUid}/msg \\`);
  line(`  -H 'Authorization: Bearer ${token}' \\`);
  line(`  -H 'Content-Type: application/json' \\`);
  line(`  -d '${body}'`);
  line();
}

function title(text) {
  line(`\n${bold(text)}\n`);
}

function table(rows) {
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) {
    line(`  ${dim(name.padEnd(width))}  ${value}`);
  }
}
