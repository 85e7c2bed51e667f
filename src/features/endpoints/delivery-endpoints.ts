import { Injectable } from '@nestjs/common';
import { Clock } from '@/common/clock';
import { type SnapshotCache } from '@/infra/cache/snapshot-cache';
import { SnapshotCaches } from '@/infra/cache/snapshot-caches';
import { Logger } from '@/infra/observability/logger';
import { EndpointHealthRepository } from './endpoint-health.repository';
import { type EndpointSecret } from './endpoint-secret.entity';
import { EndpointSecretsRepository } from './endpoint-secrets.repository';
import { EndpointVault } from './endpoint-vault';
import { type Endpoint } from './endpoint.entity';
import { EndpointsRepository } from './endpoints.repository';
import { type DeliveryEndpoint, type DeliverySecret } from './endpoints.types';

/** The endpoints as the worker needs them: decrypted, by application, from memory; and what it writes about them. */
@Injectable()
export class DeliveryEndpoints {
  private readonly cache: SnapshotCache<ReadonlyMap<string, DeliveryEndpoint>>;

  constructor(
    private readonly endpoints: EndpointsRepository,
    private readonly secrets: EndpointSecretsRepository,
    private readonly health: EndpointHealthRepository,
    private readonly vault: EndpointVault,
    private readonly clock: Clock,
    private readonly log: Logger,
    caches: SnapshotCaches,
  ) {
    this.cache = caches.create({ name: 'endpoints', ttlMs: 30_000, maxEntries: 20_000 });
  }

  async of(appId: string): Promise<ReadonlyMap<string, DeliveryEndpoint>> {
    return (await this.cache.get(appId, () => this.load(appId))) ?? new Map<string, DeliveryEndpoint>();
  }

  /** To be called after every change of an endpoint of the application, its secrets or its headers. */
  async forget(appId: string): Promise<void> {
    await this.cache.invalidate(appId);
  }

  async noteFailing(endpointIds: readonly string[], now: Date): Promise<void> {
    if (endpointIds.length > 0) {
      await this.forgetAll(await this.health.noteFailing(endpointIds, now));
    }
  }

  async noteRecovered(endpointIds: readonly string[]): Promise<void> {
    if (endpointIds.length > 0) {
      await this.forgetAll(await this.health.noteRecovered(endpointIds));
    }
  }

  /** True when it was enabled until now, and has failed since `failingBefore` when that is given. */
  async disable(endpointId: string, failingBefore?: Date): Promise<boolean> {
    const appId = await this.health.disable(endpointId, new Date(this.clock.now()), failingBefore);
    if (appId === undefined) {
      return false;
    }
    await this.forget(appId);
    return true;
  }

  private async forgetAll(appIds: string[]): Promise<void> {
    for (const appId of appIds) {
      await this.forget(appId);
    }
  }

  private async load(appId: string): Promise<ReadonlyMap<string, DeliveryEndpoint>> {
    const endpoints = await this.endpoints.listForDelivery(appId);
    if (endpoints.length === 0) {
      return new Map();
    }
    const ids = endpoints.map((endpoint) => endpoint.id);
    const secrets = new Map(ids.map((id): [string, EndpointSecret[]] => [id, []]));
    for (const secret of await this.secrets.listLive(ids, new Date(this.clock.now()))) {
      secrets.get(secret.endpointId)?.push(secret);
    }
    return new Map(
      endpoints.map((endpoint) => [endpoint.id, this.toDelivery(endpoint, secrets.get(endpoint.id) ?? [])]),
    );
  }

  private toDelivery(endpoint: Endpoint, secrets: EndpointSecret[]): DeliveryEndpoint {
    return {
      id: endpoint.id,
      appId: endpoint.appId,
      url: endpoint.url,
      isDisabled: endpoint.isDisabled,
      eventTypes: endpoint.eventTypes === null ? null : new Set(endpoint.eventTypes),
      channels: endpoint.channels === null ? null : new Set(endpoint.channels),
      ...this.openBoxes(endpoint, secrets),
      failingSinceMs: endpoint.failingSince?.getTime() ?? null,
      throttleRate: endpoint.throttleRate,
    };
  }

  /** One damaged box must not stop the other endpoints of the application. */
  private openBoxes(
    endpoint: Endpoint,
    secrets: EndpointSecret[],
  ): Pick<DeliveryEndpoint, 'headers' | 'secrets' | 'fault'> {
    try {
      return { headers: this.vault.openHeaders(endpoint.headersBox), secrets: this.toDeliverySecrets(secrets) };
    } catch (error) {
      this.log.error(
        { err: error, endpoint: endpoint.id, app: endpoint.appId },
        'secrets of an endpoint cannot be read',
      );
      return { headers: {}, secrets: [], fault: 'The signing secret of this endpoint cannot be read; rotate it.' };
    }
  }

  private toDeliverySecrets(secrets: EndpointSecret[]): DeliverySecret[] {
    const parsed = secrets.map((secret) => ({
      secret: this.vault.openSecret(secret),
      expiresAtMs: secret.expiresAt?.getTime() ?? null,
    }));
    return [
      ...parsed.filter((secret) => secret.expiresAtMs === null),
      ...parsed.filter((secret) => secret.expiresAtMs !== null),
    ];
  }
}
