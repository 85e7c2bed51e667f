import { defineQueue } from '@/infra/queue/job-queue';
import { type DispatchJob } from './messages.types';

/** Batches of fresh messages on their way to the workers. */
export const DISPATCH_QUEUE = defineQueue<DispatchJob>('dispatch');
