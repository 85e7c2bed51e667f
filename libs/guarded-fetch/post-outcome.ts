/** Why no complete response was received. */
export type FailureReason = 'timeout' | 'address_refused' | 'dns' | 'connection' | 'tls' | 'protocol' | 'aborted';

/** A complete response head with as much of the body as was asked for; whether it means success is the caller's matter. */
export interface PostResponse {
  kind: 'response';
  statusCode: number;
  /** The first `maxResponseBytes` bytes, as they came: not decompressed, not decoded. */
  body: Buffer;
  /** True when the body was longer than `maxResponseBytes`. */
  isTruncated: boolean;
  /** The first Retry-After header, unparsed, at most 200 characters. */
  retryAfter?: string;
  durationMs: number;
}

/** An exchange that ended without a complete response. */
export interface PostFailure {
  kind: 'failure';
  reason: FailureReason;
  /** One line in English, at most 500 characters, without control characters. */
  message: string;
  durationMs: number;
}

/** How one POST ended. */
export type PostOutcome = PostResponse | PostFailure;

/** Whether a URL may be registered as an endpoint. */
export type UrlVerdict = { allowed: true } | { allowed: false; reason: string };

/** One webhook request. */
export interface PostRequest {
  url: string;
  /** By name, or flat: name, value, name, value. They win over the defaults. */
  headers: Readonly<Record<string, string>> | readonly string[];
  body: Buffer;
  /** For the whole exchange: name resolution, connection, TLS, head and body. */
  timeoutMs: number;
  signal?: AbortSignal;
}
