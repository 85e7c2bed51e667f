/** Arrivals of some milliseconds, as parallel lists; ids are comma-separated, because one text is cheap to pass on. */
export interface ArrivalBatch {
  kind: 'arrivals';
  sequences: Float64Array;
  endpoints: Uint8Array;
  /** Instants of `monotonicMs`. */
  ats: Float64Array;
  ids: string;
}

/** What the receiver's process tells the load generator. */
export type ReceiverMessage = ArrivalBatch | { kind: 'listening'; port: number };
