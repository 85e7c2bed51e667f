import { Injectable } from '@nestjs/common';
import { GuardedHttpClient, type PostOutcome } from '@libs/guarded-fetch/guarded-fetch';
import { parseRetryAfter } from '@libs/retry-schedule/retry-schedule';
import { newId } from '@libs/sortable-id/sortable-id';
import { signWebhook, type SigningSecret } from '@libs/webhook-signing/webhook-signing';
import { Clock } from '@/common/clock';
import { type DeliveryEndpoint } from '@/features/endpoints/endpoints.types';
import { Config } from '@/infra/config/config';
import { Logger } from '@/infra/observability/logger';
import { Metrics } from '@/infra/observability/metrics';
import { type AttemptOutcome, type Delivery } from './deliveries.types';

const NO_SECRET = 'This endpoint has no signing secret.';
const USER_AGENT = 'Posthorn-Webhooks/1.0';

/** Makes one attempt: signs the message for its endpoint and posts it. */
@Injectable()
export class AttemptSender {
  private readonly prefixes: readonly string[];

  constructor(
    private readonly http: GuardedHttpClient,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly config: Config,
    private readonly log: Logger,
  ) {
    this.prefixes = config.webhookHeaders === 'both' ? ['svix', 'webhook'] : [config.webhookHeaders];
  }

  /** Never rejects: whatever happens is an outcome. */
  async send(delivery: Delivery): Promise<AttemptOutcome> {
    const startedAtMs = this.clock.now();
    const id = newId('atmpt', startedAtMs);
    const outcome = await this.post(delivery, startedAtMs);
    const result = toAttemptOutcome(id, outcome, this.clock.now());
    this.metrics.attempts.inc({ outcome: result.label });
    this.metrics.attemptSeconds.observe(outcome.durationMs / 1000);
    return result;
  }

  private async post({ message, endpoint }: Delivery, nowMs: number): Promise<PostOutcome> {
    if (!isSignable(endpoint, nowMs)) {
      return { kind: 'failure', reason: 'aborted', message: endpoint.fault ?? NO_SECRET, durationMs: 0 };
    }
    try {
      return await this.http.post({
        url: endpoint.url,
        headers: this.headersOf(message.id, message.payload, endpoint, nowMs),
        body: message.payload,
        timeoutMs: this.config.requestTimeoutSeconds * 1000,
      });
    } catch (error) {
      // A fault of ours. One delivery that hits it must not end the process, and with it all the others.
      this.log.error({ err: error, message: message.id, endpoint: endpoint.id }, 'an attempt could not be made');
      return { kind: 'failure', reason: 'aborted', message: 'The attempt could not be made.', durationMs: 0 };
    }
  }

  /** Names and values in turn. */
  private headersOf(id: string, body: Buffer, endpoint: DeliveryEndpoint, nowMs: number): string[] {
    const timestampSeconds = Math.floor(nowMs / 1000);
    const timestamp = String(timestampSeconds);
    const signature = signWebhook({ id, timestampSeconds, body, secrets: liveSecrets(endpoint, nowMs) });
    const headers = ['content-type', 'application/json', 'user-agent', USER_AGENT];
    for (const prefix of this.prefixes) {
      headers.push(`${prefix}-id`, id, `${prefix}-timestamp`, timestamp, `${prefix}-signature`, signature);
    }
    return withOwnHeaders(headers, endpoint.headers);
  }
}

/** The customer's own headers win, whatever their spelling; those that must not win are refused at creation. */
function withOwnHeaders(headers: string[], own: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(own);
  if (names.length === 0) {
    return headers;
  }
  const taken = new Set(names.map((name) => name.toLowerCase()));
  const kept = headers.filter((_, index) => !taken.has(headers[index - (index % 2)] ?? ''));
  return [...kept, ...Object.entries(own).flat()];
}

/** False for an endpoint whose secrets cannot be read, or that was deleted while its snapshot was made. */
function isSignable(endpoint: DeliveryEndpoint, nowMs: number): boolean {
  return endpoint.fault === undefined && liveSecrets(endpoint, nowMs).length > 0;
}

function liveSecrets({ secrets }: DeliveryEndpoint, nowMs: number): SigningSecret[] {
  return secrets.filter(({ expiresAtMs }) => expiresAtMs === null || expiresAtMs > nowMs).map(({ secret }) => secret);
}

function toAttemptOutcome(id: string, outcome: PostOutcome, nowMs: number): AttemptOutcome {
  const common = { id, durationMs: Math.round(outcome.durationMs), finishedAtMs: nowMs };
  if (outcome.kind === 'failure') {
    return {
      ...common,
      isSuccess: false,
      statusCode: 0,
      response: Buffer.from(outcome.message),
      label: outcome.reason,
    };
  }
  const isSuccess = outcome.statusCode >= 200 && outcome.statusCode <= 299;
  return {
    ...common,
    isSuccess,
    statusCode: outcome.statusCode,
    response: outcome.body,
    label: isSuccess ? 'success' : 'http_error',
    retryAfterMs: isSuccess ? undefined : parseRetryAfter(outcome.retryAfter, nowMs),
  };
}
