import { Injectable } from '@nestjs/common';
import { isId, newId } from '@libs/sortable-id/sortable-id';
import { Clock } from '@/common/clock';
import { type Page, type PageRequest, toPage } from '@/common/page';
import { ApplicationsService, type Upserted } from '@/features/applications/applications.service';
import { type Access } from '@/features/auth/access.types';
import { EventTypesService } from '@/features/event-types/event-types.service';
import { isUniqueViolation } from '@/infra/database/database-errors';
import { isStorableText } from '@/infra/http/validators';
import { DeliveryEndpoints } from './delivery-endpoints';
import { EndpointUrlGuard } from './endpoint-url-guard';
import { EndpointVault } from './endpoint-vault';
import { Endpoint } from './endpoint.entity';
import { EndpointExistsError, EndpointNotFoundError, UnknownEventTypesError } from './endpoints.errors';
import { EndpointsRepository } from './endpoints.repository';
import { type EndpointIn, type EndpointPatch, type EndpointUpsertIn } from './endpoints.requests';
import { type EndpointOut, toEndpointOut } from './endpoints.responses';
import { type DeliveryEndpoint } from './endpoints.types';

/** The application of an endpoint. */
type Owner = Pick<Awaited<ReturnType<ApplicationsService['resolve']>>, 'id' | 'orgId'>;

/** The URLs that the customers registered. Applications and endpoints are named by id or uid. */
@Injectable()
export class EndpointsService {
  constructor(
    private readonly repository: EndpointsRepository,
    private readonly applications: ApplicationsService,
    private readonly eventTypes: EventTypesService,
    private readonly urls: EndpointUrlGuard,
    private readonly vault: EndpointVault,
    private readonly deliveries: DeliveryEndpoints,
    private readonly clock: Clock,
  ) {}

  async list(access: Access, app: string, page: PageRequest): Promise<Page<EndpointOut>> {
    const { id } = await this.applications.resolve(access, app);
    const rows = await this.repository.list(id, page);
    return toPage(rows, page, (row) => row.id, toEndpointOut);
  }

  /** Throws `EndpointExistsError` when the uid is taken, `UrlRefusedError`, `UnknownEventTypesError`. */
  async create(access: Access, app: string, input: EndpointIn): Promise<EndpointOut> {
    const endpoint = await this.insert(await this.applications.resolve(access, app), input);
    if (endpoint === undefined) {
      throw new EndpointExistsError();
    }
    return toEndpointOut(endpoint);
  }

  async get(access: Access, app: string, idOrUid: string): Promise<EndpointOut> {
    return toEndpointOut(await this.resolve(access, app, idOrUid));
  }

  /** Replaces all of an endpoint but its secret and headers, or makes one when there is none. */
  async upsert(access: Access, app: string, idOrUid: string, input: EndpointUpsertIn): Promise<Upserted<EndpointOut>> {
    const application = await this.applications.resolve(access, app);
    const existing = await this.find(application.id, idOrUid);
    if (existing !== undefined) {
      return { value: await this.replace(application, existing, input), isNew: false };
    }
    const made = await this.insert(application, input);
    if (made !== undefined) {
      return { value: toEndpointOut(made), isNew: true };
    }
    // The uid of the body is taken: by another upsert of the same path a moment ago, or by an endpoint of another name.
    const other = await this.find(application.id, idOrUid);
    if (other === undefined) {
      throw new EndpointExistsError();
    }
    return { value: await this.replace(application, other, input), isNew: false };
  }

  /** Fields left out stay, null clears. */
  async patch(access: Access, app: string, idOrUid: string, input: EndpointPatch): Promise<EndpointOut> {
    const endpoint = await this.resolve(access, app, idOrUid);
    await this.checkEventTypes(access.orgId, input.eventTypes);
    return this.change(endpoint, {
      ...(input.url === undefined ? {} : { url: await this.urls.check(input.url, endpoint.url) }),
      ...(input.description === undefined ? {} : { description: input.description }),
      ...(input.uid === undefined ? {} : { uid: input.uid }),
      ...(input.throttleRate === undefined ? {} : { throttleRate: input.throttleRate }),
      ...(input.disabled === undefined ? {} : { isDisabled: input.disabled }),
      ...(input.eventTypes === undefined ? {} : { eventTypes: input.eventTypes }),
      ...(input.channels === undefined ? {} : { channels: input.channels }),
      ...(input.metadata === undefined ? {} : { metadata: input.metadata ?? {} }),
    });
  }

  async delete(access: Access, app: string, idOrUid: string): Promise<void> {
    const endpoint = await this.resolve(access, app, idOrUid);
    await this.repository.delete(endpoint.id, new Date(this.clock.now()));
    await this.deliveries.forget(endpoint.appId);
  }

  /**
   * The endpoint that a path names, as far as this token reaches. Throws `ApplicationNotFoundError`,
   * `EndpointNotFoundError`.
   */
  async resolve(access: Access, app: string, idOrUid: string): Promise<Endpoint> {
    const { id } = await this.applications.resolve(access, app);
    const endpoint = await this.find(id, idOrUid);
    if (endpoint === undefined) {
      throw new EndpointNotFoundError();
    }
    return endpoint;
  }

  /** Endpoints by id, deleted ones too: for showing what was sent to them. */
  async findManyWithDeleted(ids: readonly string[]): Promise<EndpointOut[]> {
    return (await this.repository.findManyWithDeleted(ids)).map(toEndpointOut);
  }

  /** All endpoints of an application that are not deleted, by id; up to 30 s old when another process changed them. */
  forDelivery(appId: string): Promise<ReadonlyMap<string, DeliveryEndpoint>> {
    return this.deliveries.of(appId);
  }

  /** Remembers since when endpoints have failed; those that were failing already keep their time. */
  noteFailing(endpointIds: readonly string[], now: Date): Promise<void> {
    return this.deliveries.noteFailing(endpointIds, now);
  }

  /** Forgets that endpoints were failing. */
  noteRecovered(endpointIds: readonly string[]): Promise<void> {
    return this.deliveries.noteRecovered(endpointIds);
  }

  /** Disables an endpoint that has failed since `failingBefore` or longer; true when this call did it. */
  disableFailing(endpointId: string, failingBefore: Date): Promise<boolean> {
    return this.deliveries.disable(endpointId, failingBefore);
  }

  /** Disables an endpoint that answered 410; true when this call did it. */
  disableGone(endpointId: string): Promise<boolean> {
    return this.deliveries.disable(endpointId);
  }

  /** True for what can be the key of a page. */
  static isKey(this: void, text: string): boolean {
    return isId('ep', text);
  }

  private async find(appId: string, idOrUid: string): Promise<Endpoint | undefined> {
    return idOrUid.length > 256 || !isStorableText(idOrUid) ? undefined : this.repository.findByIdOrUid(appId, idOrUid);
  }

  /** Undefined when the uid is taken. */
  private async insert(application: Owner, input: EndpointIn): Promise<Endpoint | undefined> {
    await this.checkEventTypes(application.orgId, input.eventTypes);
    const url = await this.urls.check(input.url);
    const now = new Date(this.clock.now());
    const endpoint = Object.assign(new Endpoint(), {
      ...columnsOf(input),
      id: newId('ep', now.getTime()),
      appId: application.id,
      url,
      headersBox: this.vault.sealHeaders(input.headers ?? {}),
      failingSince: null,
      createdAt: now,
      updatedAt: now,
      deletedAt: null,
    });
    try {
      await this.repository.insert(endpoint, this.vault.makeSecret(endpoint.id, input.secret, now));
      return endpoint;
    } catch (error) {
      if (isUniqueViolation(error)) {
        return undefined;
      }
      throw error;
    } finally {
      await this.deliveries.forget(application.id);
    }
  }

  private async replace(application: Owner, existing: Endpoint, input: EndpointUpsertIn): Promise<EndpointOut> {
    await this.checkEventTypes(application.orgId, input.eventTypes);
    const url = await this.urls.check(input.url, existing.url);
    return this.change(existing, { ...columnsOf(input), url });
  }

  private async change(endpoint: Endpoint, columns: Partial<Endpoint>): Promise<EndpointOut> {
    try {
      const updated = await this.repository.update(endpoint.id, {
        ...columns,
        updatedAt: new Date(this.clock.now()),
      });
      if (updated === undefined) {
        throw new EndpointNotFoundError();
      }
      return toEndpointOut(updated);
    } catch (error) {
      if (isUniqueViolation(error)) {
        throw new EndpointExistsError();
      }
      throw error;
    } finally {
      await this.deliveries.forget(endpoint.appId);
    }
  }

  private async checkEventTypes(orgId: string, names: string[] | null | undefined): Promise<void> {
    if (!names) {
      return;
    }
    const missing = await this.eventTypes.findMissing(orgId, names);
    if (missing.length > 0) {
      throw new UnknownEventTypesError(missing);
    }
  }
}

type InputColumns = 'description' | 'uid' | 'throttleRate' | 'isDisabled' | 'eventTypes' | 'channels' | 'metadata';

function columnsOf(input: EndpointUpsertIn): Pick<Endpoint, InputColumns> {
  return {
    description: input.description ?? '',
    uid: input.uid ?? null,
    throttleRate: input.throttleRate ?? null,
    isDisabled: input.disabled ?? false,
    eventTypes: input.eventTypes ?? null,
    channels: input.channels ?? null,
    metadata: input.metadata ?? {},
  };
}
