import { newId } from '@libs/sortable-id/sortable-id';
import { type DeliveryEndpoint } from '@/features/endpoints/endpoints.types';
import { type AttemptRow } from './deliveries.repository';
import { type AttemptOutcome } from './deliveries.types';

/** What the attempt was made for. */
interface Subject {
  messageId: string;
  appId: string;
  endpointId: string;
  attemptNumber?: number;
}

/** A successful attempt that ended its delivery, unless `outcome` says otherwise. */
export function attemptRow(subject: Subject, outcome: Partial<AttemptOutcome> = {}): AttemptRow {
  const { messageId, appId, endpointId, attemptNumber = 0 } = subject;
  return {
    delivery: {
      message: { id: messageId, appId, eventType: 'a', channels: null, payload: Buffer.of(), deliverAtMs: null },
      endpoint: { id: endpointId, url: 'https://example.com/hook' } as DeliveryEndpoint,
      attemptNumber,
      isManual: false,
    },
    outcome: {
      id: newId('atmpt', Date.now()),
      isSuccess: true,
      statusCode: 200,
      response: Buffer.from('ok'),
      durationMs: 5,
      label: 'success',
      finishedAtMs: Date.now(),
      ...outcome,
    },
    isFinal: true,
  };
}
