/** A message that was checked and is ready to be written. */
export interface NewMessage {
  id: string;
  appId: string;
  eventType: string;
  /** The caller's own id, unique in the application. */
  eventId: string | null;
  channels: string[] | null;
  tags: string[] | null;
  /** The bytes that will be delivered. */
  payload: Buffer;
  /** False for a raw payload that is not a JSON object. */
  isJsonObject: boolean;
  payloadExpiresAtMs: number;
  /** Not to be delivered before this instant. */
  deliverAtMs: number | null;
  /** Hash of the idempotency key together with what it belongs to; 16 bytes as hex. */
  keyHash: string | null;
}

/** What of a message the workers need; travels in the queue. */
export type DispatchMessage = Pick<NewMessage, 'id' | 'appId' | 'eventType' | 'channels' | 'payload' | 'deliverAtMs'>;

/** The job of the queue `dispatch`: one batch of fresh messages. */
export interface DispatchJob {
  dispatchId: string;
  /** The messages, or nothing when the batch is handed over again and must be read from the database. */
  messages?: DispatchMessage[];
}

/** A stored message whose content may not have been read. */
export interface FittingMessage extends StoredMessage {
  /** There was too much before it; `payload` is null then. */
  isLeftOut: boolean;
}

/** A message as it is stored. */
export interface StoredMessage {
  id: string;
  appId: string;
  eventType: string;
  eventId: string | null;
  channels: string[] | null;
  tags: string[] | null;
  /** Null when the content is gone: expired or removed. */
  payload: Buffer | null;
  isJsonObject: boolean;
  deliverAt: Date | null;
}
