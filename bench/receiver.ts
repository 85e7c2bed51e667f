import { fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { type ReceiverMessage } from './receiver-messages';

const START_TIMEOUT_MS = 10_000;

export type ArrivalListener = (sequence: number, endpoint: number, messageId: string, at: number) => void;

/** The receiver in its own process; `onBatch` is called once after the arrivals of each batch. */
export interface BenchReceiver {
  url: string;
  pid: number;
  onArrival: ArrivalListener;
  onBatch: () => void;
  close(): Promise<void>;
}

/** Starts the receiver on a free loopback port. */
export async function startReceiver(): Promise<BenchReceiver> {
  const script = join(dirname(process.argv[1] ?? ''), 'receiver-process.js');
  const child = fork(script, [], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const receiver: BenchReceiver = {
    url: '',
    pid: child.pid ?? -1,
    onArrival: () => undefined,
    onBatch: () => undefined,
    close: () => {
      if (child.connected) {
        child.disconnect();
      }
      return exited;
    },
  };
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the receiver did not start')), START_TIMEOUT_MS);
    child.once('error', reject);
    child.on('message', (message: ReceiverMessage) => {
      if (message.kind === 'listening') {
        clearTimeout(timer);
        receiver.url = `http://127.0.0.1:${message.port}`;
        resolve();
      } else {
        passOn(message, receiver);
      }
    });
  });
  return receiver;
}

function passOn(message: Extract<ReceiverMessage, { kind: 'arrivals' }>, receiver: BenchReceiver): void {
  const ids = message.ids.split(',');
  message.sequences.forEach((sequence, index) => {
    receiver.onArrival(sequence, message.endpoints[index] ?? 0, ids[index] ?? '', message.ats[index] ?? NaN);
  });
  receiver.onBatch();
}
