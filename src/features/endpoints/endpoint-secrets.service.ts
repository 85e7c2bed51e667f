import { Injectable, type OnModuleInit } from '@nestjs/common';
import { publicForm } from '@libs/webhook-signing/signing-secret';
import { Clock } from '@/common/clock';
import { type Access } from '@/features/auth/access.types';
import { ConfigError } from '@/infra/config/config';
import { DeliveryEndpoints } from './delivery-endpoints';
import { type EndpointSecretRotateIn } from './endpoint-secrets.requests';
import { type EndpointSecretOut } from './endpoint-secrets.responses';
import { EndpointSecretsRepository } from './endpoint-secrets.repository';
import { EndpointVault } from './endpoint-vault';
import { EndpointNotFoundError, SecretLimitReachedError } from './endpoints.errors';
import { EndpointsService } from './endpoints.service';

/** Every one of them signs each delivery, so that there must be a bound. */
const MAX_OLD_SECRETS = 10;
const DEFAULT_GRACE_PERIOD_SECONDS = 86_400;

/** Signing secrets of endpoints. */
@Injectable()
export class EndpointSecretsService implements OnModuleInit {
  constructor(
    private readonly endpoints: EndpointsService,
    private readonly repository: EndpointSecretsRepository,
    private readonly vault: EndpointVault,
    private readonly deliveries: DeliveryEndpoints,
    private readonly clock: Clock,
  ) {}

  /** Refuses to start with a MAIN_SECRET that cannot read what is stored: every delivery would fail. */
  async onModuleInit(): Promise<void> {
    const secret = await this.repository.findNewest();
    if (secret === undefined) {
      return;
    }
    try {
      this.vault.openSecret(secret);
    } catch (error) {
      throw new ConfigError(
        'MAIN_SECRET: the signing secrets in this database were encrypted with another one; without it they cannot be read',
        { cause: error },
      );
    }
  }

  /** The key with which a receiver verifies: never the private half of an ed25519 secret. */
  async get(access: Access, app: string, endpoint: string): Promise<EndpointSecretOut> {
    const { id } = await this.endpoints.resolve(access, app, endpoint);
    const secret = await this.repository.findCurrent(id);
    if (secret === undefined) {
      throw new EndpointNotFoundError();
    }
    return { key: publicForm(this.vault.openSecret(secret)) };
  }

  /** Replaces the secret; the one of before signs too for the grace period. Throws `SecretLimitReachedError`. */
  async rotate(
    access: Access,
    app: string,
    endpoint: string,
    input: EndpointSecretRotateIn,
  ): Promise<EndpointSecretOut> {
    const { id, appId } = await this.endpoints.resolve(access, app, endpoint);
    const now = new Date(this.clock.now());
    const next = this.vault.makeSecret(id, input.key, now);
    const gracePeriodMs = (input.gracePeriodSeconds ?? DEFAULT_GRACE_PERIOD_SECONDS) * 1000;
    try {
      const result = await this.repository.rotate(next, new Date(now.getTime() + gracePeriodMs), MAX_OLD_SECRETS);
      switch (result) {
        case 'done':
          return { key: publicForm(this.vault.openSecret(next)) };
        case 'too-many':
          throw new SecretLimitReachedError(MAX_OLD_SECRETS);
        case 'gone':
          throw new EndpointNotFoundError();
      }
    } finally {
      await this.deliveries.forget(appId);
    }
  }
}
