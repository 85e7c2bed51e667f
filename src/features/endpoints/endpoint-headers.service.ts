import { Injectable } from '@nestjs/common';
import { ValidationFailedError } from '@/common/app-error';
import { Clock } from '@/common/clock';
import { type Access } from '@/features/auth/access.types';
import { DeliveryEndpoints } from './delivery-endpoints';
import { type EndpointHeadersIn, type EndpointHeadersPatchIn } from './endpoint-headers.requests';
import { type EndpointHeadersOut, toEndpointHeadersOut } from './endpoint-headers.responses';
import { EndpointVault } from './endpoint-vault';
import { EndpointNotFoundError } from './endpoints.errors';
import { EndpointsRepository } from './endpoints.repository';
import { EndpointsService } from './endpoints.service';
import { MAX_HEADERS } from './header-rules';

type Headers = Readonly<Record<string, string>>;

/** Extra headers that endpoints want in their webhooks. */
@Injectable()
export class EndpointHeadersService {
  constructor(
    private readonly endpoints: EndpointsService,
    private readonly repository: EndpointsRepository,
    private readonly vault: EndpointVault,
    private readonly deliveries: DeliveryEndpoints,
    private readonly clock: Clock,
  ) {}

  /** Sensitive ones by name only. */
  async get(access: Access, app: string, endpoint: string): Promise<EndpointHeadersOut> {
    const { headersBox } = await this.endpoints.resolve(access, app, endpoint);
    return toEndpointHeadersOut(this.vault.openHeaders(headersBox));
  }

  /** Replaces all of them. */
  set(access: Access, app: string, endpoint: string, input: EndpointHeadersIn): Promise<void> {
    return this.change(access, app, endpoint, () => input.headers);
  }

  /** Headers that are not named stay. */
  patch(access: Access, app: string, endpoint: string, input: EndpointHeadersPatchIn): Promise<void> {
    return this.change(access, app, endpoint, (headers) => patched(headers, input));
  }

  private async change(
    access: Access,
    app: string,
    endpoint: string,
    change: (old: Headers) => Headers,
  ): Promise<void> {
    const { id, appId } = await this.endpoints.resolve(access, app, endpoint);
    try {
      const isThere = await this.repository.changeHeaders(id, new Date(this.clock.now()), (box) =>
        this.vault.sealHeaders(change(this.vault.openHeaders(box))),
      );
      if (!isThere) {
        throw new EndpointNotFoundError();
      }
    } finally {
      await this.deliveries.forget(appId);
    }
  }
}

/** Names are compared without case; a header that is set again takes the new spelling. */
function patched(old: Headers, input: EndpointHeadersPatchIn): Headers {
  const changes = Object.entries(input.headers ?? {});
  const touched = [...changes.map(([name]) => name), ...(input.deleteHeaders ?? [])];
  const dropped = new Set(touched.map((name) => name.toLowerCase()));
  const kept = Object.entries(old).filter(([name]) => !dropped.has(name.toLowerCase()));
  const added = changes.filter((change): change is [string, string] => change[1] !== null);
  if (kept.length + added.length > MAX_HEADERS) {
    throw ValidationFailedError.of(['body', 'headers'], `An endpoint can have at most ${MAX_HEADERS} headers.`);
  }
  return Object.fromEntries([...kept, ...added]);
}
