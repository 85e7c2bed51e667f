import { Injectable } from '@nestjs/common';
import { isId, newId } from '@libs/sortable-id/sortable-id';
import { Clock } from '@/common/clock';
import { type Page, type PageRequest, toPage } from '@/common/page';
import { type Access } from '@/features/auth/access.types';
import { type SnapshotCache } from '@/infra/cache/snapshot-cache';
import { SnapshotCaches } from '@/infra/cache/snapshot-caches';
import { isUniqueViolation } from '@/infra/database/database-errors';
import { validateBody } from '@/infra/http/validation.pipe';
import { isStorableText } from '@/infra/http/validators';
import { Application } from './application.entity';
import { ApplicationExistsError, ApplicationNotFoundError, applicationUidProblem } from './applications.errors';
import { ApplicationsRepository } from './applications.repository';
import { ApplicationIn, type ApplicationPatch } from './applications.requests';
import { type ApplicationOut, toApplicationOut } from './applications.responses';

/** An answer together with whether something was created for it. */
export interface Upserted<T> {
  value: T;
  isNew: boolean;
}

/** The customers of an organization. */
@Injectable()
export class ApplicationsService {
  private readonly cache: SnapshotCache<Application>;

  constructor(
    private readonly repository: ApplicationsRepository,
    private readonly clock: Clock,
    caches: SnapshotCaches,
  ) {
    this.cache = caches.create({ name: 'applications', ttlMs: 30_000, maxEntries: 50_000 });
  }

  async list(orgId: string, page: PageRequest): Promise<Page<ApplicationOut>> {
    const rows = await this.repository.list(orgId, page);
    return toPage(rows, page, (row) => row.id, toApplicationOut);
  }

  /** Throws `ApplicationExistsError` when the uid is taken, unless `getIfExists` asks for the one that has it. */
  async create(orgId: string, input: ApplicationIn, getIfExists: boolean): Promise<Upserted<ApplicationOut>> {
    const { value, isNew } = await this.createOrFind(orgId, input);
    if (!isNew && !getIfExists) {
      throw new ApplicationExistsError();
    }
    return { value: toApplicationOut(value), isNew };
  }

  /** The application with the input's uid, made when there is none. Safe from many callers at once. */
  async createOrFind(orgId: string, input: ApplicationIn): Promise<Upserted<Application>> {
    const now = new Date(this.clock.now());
    const application = Object.assign(new Application(), {
      ...columnsOf(input),
      id: newId('app', now.getTime()),
      orgId,
      createdAt: now,
      updatedAt: now,
      deletedAt: null,
    });
    try {
      await this.repository.insert(application);
      return { value: application, isNew: true };
    } catch (error) {
      if (!isUniqueViolation(error) || !input.uid) {
        throw error;
      }
      const existing = await this.repository.findByIdOrUid(orgId, input.uid);
      if (existing === undefined) {
        // Deleted between the two statements: the uid is free now.
        return this.createOrFind(orgId, input);
      }
      return { value: existing, isNew: false };
    }
  }

  async get(access: Access, idOrUid: string): Promise<ApplicationOut> {
    return toApplicationOut(await this.resolve(access, idOrUid));
  }

  /** Replaces all of an application, or makes one when there is none. */
  async upsert(access: Access, idOrUid: string, input: ApplicationIn): Promise<Upserted<ApplicationOut>> {
    const existing = await this.find(access, idOrUid);
    if (existing !== undefined) {
      return { value: await this.change(existing, columnsOf(input)), isNew: false };
    }
    const { value, isNew } = await this.createOrFind(access.orgId, input);
    if (isNew) {
      return { value: toApplicationOut(value), isNew };
    }
    // Found by the uid of the body, not by the path: two names that point to different things, or a race of two upserts.
    if (value.uid !== idOrUid && value.id !== idOrUid) {
      throw new ApplicationExistsError();
    }
    return { value: await this.change(value, columnsOf(input)), isNew: false };
  }

  /** Fields left out stay, null clears. */
  async patch(access: Access, idOrUid: string, input: ApplicationPatch): Promise<ApplicationOut> {
    const application = await this.resolve(access, idOrUid);
    return this.change(application, {
      ...(input.name === undefined ? {} : { name: input.name }),
      ...(input.uid === undefined ? {} : { uid: input.uid }),
      ...(input.throttleRate === undefined ? {} : { throttleRate: input.throttleRate }),
      ...(input.metadata === undefined ? {} : { metadata: input.metadata ?? {} }),
    });
  }

  async delete(access: Access, idOrUid: string): Promise<void> {
    const application = await this.resolve(access, idOrUid);
    await this.repository.update(application.id, { deletedAt: new Date(this.clock.now()), uid: null });
    await this.forget(application);
  }

  /** The application that a path names by id or uid, as far as this token reaches. Throws `ApplicationNotFoundError`. */
  async resolve(access: Access, idOrUid: string): Promise<Application> {
    const application = await this.find(access, idOrUid);
    if (application === undefined) {
      throw new ApplicationNotFoundError();
    }
    return application;
  }

  /**
   * The application for a message whose path names none: checked, and made or found. Its uid must be the one of the path.
   * `input` comes from a body and is not checked yet. Throws `ValidationFailedError`.
   */
  async createForPath(orgId: string, uid: string, input: unknown): Promise<Application> {
    const checked = await validateBody(ApplicationIn, input, ['body', 'application']);
    if (checked.uid !== uid) {
      throw applicationUidProblem(uid);
    }
    return (await this.createOrFind(orgId, checked)).value;
  }

  /** As `resolve`, but undefined when there is none. */
  async find(access: Access, idOrUid: string): Promise<Application | undefined> {
    if (idOrUid.length > 256 || !isStorableText(idOrUid)) {
      return undefined;
    }
    const application = await this.cache.get(keyOf(access.orgId, idOrUid), () =>
      this.repository.findByIdOrUid(access.orgId, idOrUid),
    );
    const isReached = access.appId === undefined || access.appId === application?.id;
    return isReached ? application : undefined;
  }

  /** True for what can be the key of a page. */
  static isKey(this: void, text: string): boolean {
    return isId('app', text);
  }

  private async change(application: Application, columns: Partial<Application>): Promise<ApplicationOut> {
    try {
      const updated = await this.repository.update(application.id, {
        ...columns,
        updatedAt: new Date(this.clock.now()),
      });
      if (updated === undefined) {
        throw new ApplicationNotFoundError();
      }
      return toApplicationOut(updated);
    } catch (error) {
      if (isUniqueViolation(error)) {
        throw new ApplicationExistsError();
      }
      throw error;
    } finally {
      await this.forget(application);
    }
  }

  private async forget(application: Application): Promise<void> {
    await this.cache.invalidate(keyOf(application.orgId, application.id));
    if (application.uid !== null) {
      await this.cache.invalidate(keyOf(application.orgId, application.uid));
    }
  }
}

function keyOf(orgId: string, idOrUid: string): string {
  return `${orgId}/${idOrUid}`;
}

function columnsOf(input: ApplicationIn): Pick<Application, 'name' | 'uid' | 'throttleRate' | 'metadata'> {
  return {
    name: input.name,
    uid: input.uid ?? null,
    throttleRate: input.throttleRate ?? null,
    metadata: input.metadata ?? {},
  };
}
