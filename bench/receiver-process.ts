import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { monotonicMs } from './clock';
import { type ArrivalBatch, type ReceiverMessage } from './receiver-messages';

/** Long enough to make the cost of a batch small, short enough not to starve the load generator's backlog. */
const FLUSH_INTERVAL_MS = 10;
const SEQUENCE_OFFSET = '{"seq":"'.length;

/** Collects arrivals and hands them to the load generator in batches. */
class ArrivalLog {
  private sequences: number[] = [];
  private endpoints: number[] = [];
  private ats: number[] = [];
  private ids: string[] = [];

  add(sequence: number, endpoint: number, id: string): void {
    if (this.ats.push(monotonicMs()) === 1) {
      setTimeout(() => this.flush(), FLUSH_INTERVAL_MS);
    }
    this.sequences.push(sequence);
    this.endpoints.push(endpoint);
    this.ids.push(id);
  }

  private flush(): void {
    const batch: ArrivalBatch = {
      kind: 'arrivals',
      sequences: Float64Array.from(this.sequences),
      endpoints: Uint8Array.from(this.endpoints),
      ats: Float64Array.from(this.ats),
      ids: this.ids.join(','),
    };
    this.sequences = [];
    this.endpoints = [];
    this.ats = [];
    this.ids = [];
    send(batch);
  }
}

const log = new ArrivalLog();

function send(message: ReceiverMessage): void {
  process.send?.(message);
}

// Endpoints are at /hook/<number of the endpoint within its application>.
function handle(request: IncomingMessage, response: ServerResponse): void {
  const endpoint = Number((request.url ?? '').split('/')[2]);
  const id = request.headers['svix-id'] ?? request.headers['webhook-id'];
  let head: Buffer | undefined;
  request.on('data', (chunk: Buffer) => (head ??= chunk));
  request.on('end', () => {
    log.add(sequenceOf(head), endpoint, String(id));
    response.writeHead(204).end();
  });
}

/** Reads the number from the first bytes, without parsing the document. */
function sequenceOf(head: Buffer | undefined): number {
  return head ? Number.parseInt(head.toString('latin1', SEQUENCE_OFFSET, SEQUENCE_OFFSET + 12), 10) : NaN;
}

const server = createServer(handle);
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => send({ kind: 'listening', port: (server.address() as AddressInfo).port }));
// The load generator owns this process: when it goes, however it goes, this one goes too.
process.on('disconnect', () => process.exit(0));
