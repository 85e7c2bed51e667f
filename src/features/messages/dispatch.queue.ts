import { defineQueue } from '@/infra/queue/job-queue';
import { type DispatchJob } from './messages.types';

/** What a message or a job takes beside its payload. */
const OVERHEAD_BYTES = 512;

/** Batches of fresh messages on their way to the workers. */
export const DISPATCH_QUEUE = defineQueue<DispatchJob>('dispatch', ({ messages = [] }) =>
  messages.reduce((bytes, message) => bytes + message.payload.length + OVERHEAD_BYTES, OVERHEAD_BYTES),
);
