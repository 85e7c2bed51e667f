import { defineQueue } from '@/infra/queue/job-queue';
import { type DispatchJob, type DispatchMessage } from './messages.types';

/** What a message or a job takes beside its payload. */
const OVERHEAD_BYTES = 512;

/** A message with its payload as base64, which every payload survives and which is cheaper to quote than text. */
type EncodedMessage = Omit<DispatchMessage, 'payload'> & { payload: string };

/** Batches of fresh messages on their way to the workers. */
export const DISPATCH_QUEUE = defineQueue<DispatchJob>('dispatch', bytesOf, {
  encode: ({ dispatchId, messages }) =>
    JSON.stringify({
      dispatchId,
      messages: messages?.map(({ id, appId, eventType, channels, deliverAtMs, payload }) => ({
        id,
        appId,
        eventType,
        channels,
        deliverAtMs,
        payload: payload.toString('base64'),
      })),
    }),

  decode: (text) => {
    const { dispatchId, messages } = JSON.parse(text) as { dispatchId: string; messages?: EncodedMessage[] };
    return {
      dispatchId,
      messages: messages?.map((message) => ({ ...message, payload: Buffer.from(message.payload, 'base64') })),
    };
  },
});

function bytesOf({ messages = [] }: DispatchJob): number {
  return messages.reduce((bytes, message) => bytes + message.payload.length + OVERHEAD_BYTES, OVERHEAD_BYTES);
}
