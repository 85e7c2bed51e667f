import { type SigningSecret } from '@libs/webhook-signing/signing-secret';

/** A secret that signs deliveries: for ever, or until it expires. */
export interface DeliverySecret {
  secret: SigningSecret;
  /** Unix ms; null for the current secret. */
  expiresAtMs: number | null;
}

/** All that a delivery needs to know of an endpoint; shared between deliveries, never changed. */
export interface DeliveryEndpoint {
  id: string;
  appId: string;
  url: string;
  isDisabled: boolean;
  /** Null takes every event type. */
  eventTypes: ReadonlySet<string> | null;
  /** Null takes every message, with channels or without. */
  channels: ReadonlySet<string> | null;
  /** Extra headers by name, decrypted. */
  headers: Readonly<Record<string, string>>;
  /** The current one first, then older ones, the newest first; some may have expired meanwhile. */
  secrets: readonly DeliverySecret[];
  /** Unix ms since when every attempt has failed; null when the last one did not. */
  failingSinceMs: number | null;
  /** Deliveries a second; null is unlimited. */
  throttleRate: number | null;
  /** Why nothing can be sent, when its secrets or headers cannot be decrypted; its attempts fail until that is mended. */
  fault?: string;
}
