import { Injectable } from '@nestjs/common';
import { ValidationFailedError } from '@/common/app-error';
import { Clock } from '@/common/clock';
import { type Page, type PageRequest, toPage } from '@/common/page';
import { type Upserted } from '@/features/applications/applications.service';
import { type Access } from '@/features/auth/access.types';
import { type SnapshotCache } from '@/infra/cache/snapshot-cache';
import { SnapshotCaches } from '@/infra/cache/snapshot-caches';
import { isName } from '@/infra/http/validators';
import { EventType } from './event-type.entity';
import { EventTypeExistsError, EventTypeNotFoundError } from './event-types.errors';
import { EventTypesRepository } from './event-types.repository';
import {
  type EventTypeIn,
  type EventTypeListQuery,
  type EventTypePatch,
  type EventTypeUpsertIn,
} from './event-types.requests';
import { type EventTypeOut, toEventTypeOut } from './event-types.responses';

const MAX_NAME_LENGTH = 256;
/** Before a key that begins with `-`, which alone would mean "backwards" in an iterator. */
const DASH_ESCAPE = '~';

/** The kinds of events of an organization. */
@Injectable()
export class EventTypesService {
  private readonly cache: SnapshotCache<EventType>;

  constructor(
    private readonly repository: EventTypesRepository,
    private readonly clock: Clock,
    caches: SnapshotCaches,
  ) {
    this.cache = caches.create({ name: 'event-types', ttlMs: 30_000, maxEntries: 5_000 });
  }

  async list(access: Access, page: PageRequest, query: EventTypeListQuery): Promise<Page<EventTypeOut>> {
    const rows = await this.repository.list(
      access.orgId,
      { ...page, cursor: page.cursor === undefined ? undefined : nameOfKey(page.cursor) },
      {
        withArchived: query.include_archived === true,
        withFlagged: seesFlagged(access),
        withSchemas: query.with_content === true,
      },
    );
    return toPage(rows, page, (row) => keyOfName(row.name), toEventTypeOut);
  }

  /** Takes one out of the archive and overwrites it; throws `EventTypeExistsError` for a live one. */
  async create(orgId: string, input: EventTypeIn): Promise<EventTypeOut> {
    const eventType = this.make(orgId, input.name, input);
    const written = await this.change(orgId, input.name, () => this.repository.insertOrReplace(eventType, false));
    if (written === undefined) {
      throw new EventTypeExistsError();
    }
    return toEventTypeOut({ ...eventType, createdAt: written.createdAt });
  }

  /** Replaces all of an event type, archived or not, or makes one when there is none. */
  async upsert(orgId: string, name: string, input: EventTypeUpsertIn): Promise<Upserted<EventTypeOut>> {
    if (!isName(name, MAX_NAME_LENGTH)) {
      throw ValidationFailedError.of(
        ['path', 'event_type_name'],
        'Expected 1 to 256 characters of a-z, A-Z, 0-9, "-", "_" and ".".',
      );
    }
    const eventType = this.make(orgId, name, input);
    const written = await this.change(orgId, name, () => this.repository.insertOrReplace(eventType, true));
    if (written === undefined) {
      throw new Error('An upsert of an event type returned no row');
    }
    return { value: toEventTypeOut({ ...eventType, createdAt: written.createdAt }), isNew: written.isNew };
  }

  async get(access: Access, name: string): Promise<EventTypeOut> {
    const eventType = await this.find(access, name);
    if (eventType === undefined) {
      throw new EventTypeNotFoundError();
    }
    return toEventTypeOut(eventType);
  }

  /** The event type, archived ones included, as far as this token sees it. */
  async find(access: Access, name: string): Promise<EventType | undefined> {
    if (!isName(name, MAX_NAME_LENGTH)) {
      return undefined;
    }
    const eventType = await this.cache.get(keyOf(access.orgId, name), () => this.repository.find(access.orgId, name));
    const isSeen = eventType !== undefined && (seesFlagged(access) || eventType.featureFlags === null);
    return isSeen ? eventType : undefined;
  }

  /** Fields left out stay, null clears. */
  async patch(orgId: string, name: string, input: EventTypePatch): Promise<EventTypeOut> {
    const flags = flagsOf(input);
    const columns = {
      ...(input.description === undefined ? {} : { description: input.description }),
      ...(input.archived === undefined ? {} : { isArchived: input.archived }),
      ...(input.deprecated === undefined ? {} : { isDeprecated: input.deprecated }),
      ...(input.schemas === undefined ? {} : { schemas: input.schemas }),
      ...(flags === undefined ? {} : { featureFlags: flags }),
      ...(input.groupName === undefined ? {} : { groupName: input.groupName }),
      updatedAt: new Date(this.clock.now()),
    };
    const eventType = isName(name, MAX_NAME_LENGTH)
      ? await this.change(orgId, name, () => this.repository.update(orgId, name, columns))
      : undefined;
    if (eventType === undefined) {
      throw new EventTypeNotFoundError();
    }
    return toEventTypeOut(eventType);
  }

  /** Archives it; with `isExpunged` nothing of it is left. */
  async delete(orgId: string, name: string, isExpunged: boolean): Promise<void> {
    const wasThere =
      isName(name, MAX_NAME_LENGTH) &&
      (await this.change(orgId, name, () =>
        isExpunged
          ? this.repository.remove(orgId, name)
          : this.repository.archive(orgId, name, new Date(this.clock.now())),
      ));
    if (!wasThere) {
      throw new EventTypeNotFoundError();
    }
  }

  /** Those of the names that nobody can subscribe to: they do not exist in the organization, or are archived. */
  async findMissing(orgId: string, names: string[]): Promise<string[]> {
    const live = new Set(await this.repository.findLiveNames(orgId, names));
    return names.filter((name) => !live.has(name));
  }

  /** True for what can be the key of a page. */
  static isKey(this: void, text: string): boolean {
    return isName(nameOfKey(text), MAX_NAME_LENGTH);
  }

  /** Writes, and forgets what was remembered, also when nobody knows whether it was written. */
  private async change<T>(orgId: string, name: string, write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } finally {
      await this.cache.invalidate(keyOf(orgId, name));
    }
  }

  private make(orgId: string, name: string, input: EventTypeUpsertIn): EventType {
    const now = new Date(this.clock.now());
    return Object.assign(new EventType(), {
      orgId,
      name,
      description: input.description,
      isArchived: input.archived ?? false,
      isDeprecated: input.deprecated ?? false,
      schemas: input.schemas ?? null,
      featureFlags: flagsOf(input) ?? null,
      groupName: input.groupName ?? null,
      createdAt: now,
      updatedAt: now,
    });
  }
}

function keyOf(orgId: string, name: string): string {
  return `${orgId}/${name}`;
}

function keyOfName(name: string): string {
  return name.startsWith('-') ? DASH_ESCAPE + name : name;
}

function nameOfKey(key: string): string {
  return key.startsWith(DASH_ESCAPE) ? key.slice(1) : key;
}

/** Application tokens carry no feature flags yet, so that they see only what everybody may see. */
function seesFlagged(access: Access): boolean {
  return access.appId === undefined;
}

/** The flags in either form; undefined when neither is given, null for none. */
function flagsOf(input: { featureFlags?: string[] | null; featureFlag?: string | null }): string[] | null | undefined {
  if (input.featureFlags !== undefined) {
    return input.featureFlags === null || input.featureFlags.length === 0 ? null : input.featureFlags;
  }
  return typeof input.featureFlag === 'string' ? [input.featureFlag] : input.featureFlag;
}
