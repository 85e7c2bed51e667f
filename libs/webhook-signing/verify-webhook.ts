import { signedPrefix } from './signed-prefix';
import type { VerificationKey } from './signing-secret';

/** Why a webhook was not accepted. */
export type VerificationFailure =
  | 'missing_header'
  | 'invalid_id'
  | 'invalid_timestamp'
  | 'timestamp_too_old'
  | 'timestamp_too_new'
  | 'no_matching_signature';

/** Thrown for a webhook that must not be trusted; `reason` is for programs, the message for people. */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError';

  constructor(
    readonly reason: VerificationFailure,
    message: string,
  ) {
    super(message);
  }
}

/** What a received webhook is verified against. */
export interface VerifyWebhookInput {
  /** The body exactly as received. */
  body: Buffer;
  /** Request headers in any letter case, for example `request.headers` of Node. */
  headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Keys of which one must match; secrets are keys too. */
  keys: readonly VerificationKey[];
  /** Allowed distance of the timestamp from now, both ways, in seconds; 300 by default. */
  toleranceSeconds?: number;
  /** The present time in unix seconds. */
  nowSeconds: number;
}

interface SignatureHeaders {
  id: string;
  timestamp: string;
  signature: string;
}

const DEFAULT_TOLERANCE_SECONDS = 300;
const BRANDS = ['webhook', 'svix'] as const;
const UNIX_SECONDS = /^[0-9]{1,15}$/;
// A rotation leaves about ten signatures; without a bound, a forged header could buy thousands of ed25519 checks.
const MAX_SIGNATURES = 32;

/**
 * Verifies a webhook by Standard Webhooks: `webhook-*` or `svix-*` headers, signatures `v1` and `v1a`; only the first
 * 32 signatures of the header are looked at. Throws WebhookVerificationError; RangeError for a time that is no number.
 */
export function verifyWebhook(input: VerifyWebhookInput): void {
  const headers = signatureHeaders(input.headers);
  checkTimestamp(headers.timestamp, input.nowSeconds, input.toleranceSeconds ?? DEFAULT_TOLERANCE_SECONDS);
  if (headers.id.includes('.')) {
    throw new WebhookVerificationError('invalid_id', 'The id contains a full stop, so the signed content is ambiguous');
  }
  const prefix = signedPrefix(headers.id, headers.timestamp);
  for (const entry of headers.signature.split(' ', MAX_SIGNATURES)) {
    const [version, signature] = entry.split(',', 2);
    if (signature !== undefined && anyKeyMatches(input, version, prefix, signature)) {
      return;
    }
  }
  throw new WebhookVerificationError('no_matching_signature', 'No signature matches the content');
}

function anyKeyMatches(
  input: VerifyWebhookInput,
  version: string | undefined,
  prefix: string,
  signature: string,
): boolean {
  return input.keys.some((key) => key.version === version && key.matches(prefix, input.body, signature));
}

function signatureHeaders(headers: VerifyWebhookInput['headers']): SignatureHeaders {
  const byName = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) {
      byName.set(name.toLowerCase(), typeof value === 'string' ? value : value.join(' '));
    }
  }
  for (const brand of BRANDS) {
    const id = byName.get(`${brand}-id`);
    const timestamp = byName.get(`${brand}-timestamp`);
    const signature = byName.get(`${brand}-signature`);
    if (id && timestamp && signature) {
      return { id, timestamp, signature };
    }
  }
  throw new WebhookVerificationError('missing_header', 'The id, timestamp or signature header is missing');
}

function checkTimestamp(text: string, nowSeconds: number, toleranceSeconds: number): void {
  // Comparisons with NaN are all false, which would accept any timestamp.
  if (!Number.isFinite(nowSeconds) || !Number.isFinite(toleranceSeconds)) {
    throw new RangeError('nowSeconds and toleranceSeconds must be finite numbers');
  }
  if (!UNIX_SECONDS.test(text)) {
    throw new WebhookVerificationError('invalid_timestamp', 'The timestamp is not a number of unix seconds');
  }
  const timestamp = Number(text);
  if (timestamp < nowSeconds - toleranceSeconds) {
    throw new WebhookVerificationError('timestamp_too_old', 'The timestamp is too old');
  }
  if (timestamp > nowSeconds + toleranceSeconds) {
    throw new WebhookVerificationError('timestamp_too_new', 'The timestamp is too far in the future');
  }
}
