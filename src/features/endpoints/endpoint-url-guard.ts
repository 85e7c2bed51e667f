import { Injectable } from '@nestjs/common';
import { GuardedHttpClient } from '@libs/guarded-fetch/guarded-fetch';
import { Config } from '@/infra/config/config';
import { normalizeUrl } from './endpoint-url';
import { UrlRefusedError } from './endpoints.errors';

/** Tells a customer at once that webhooks cannot be sent to a URL; every delivery checks again. */
@Injectable()
export class EndpointUrlGuard {
  constructor(
    private readonly config: Config,
    private readonly client: GuardedHttpClient,
  ) {}

  /**
   * The URL as it is stored. Looks up the name of the host, which takes up to 5 s. A URL that `known` has already is not
   * checked again. Throws `UrlRefusedError`.
   */
  async check(text: string, known?: string): Promise<string> {
    const url = normalizeUrl(text);
    if (url === known) {
      return url;
    }
    if (this.config.endpointHttpsOnly && !url.startsWith('https:')) {
      throw new UrlRefusedError('Only https URLs are accepted (ENDPOINT_HTTPS_ONLY).');
    }
    const verdict = await this.client.checkUrl(url);
    if (!verdict.allowed) {
      throw new UrlRefusedError(
        `Webhooks cannot be sent to this URL: ${verdict.reason}. The operator can open subnets by EGRESS_ALLOW_SUBNETS.`,
      );
    }
    return url;
  }
}
