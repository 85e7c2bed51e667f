import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Any, IsNull, LessThan, MoreThan, type QueryDeepPartialEntity, Repository } from 'typeorm';
import { keysetOf, type PageRequest } from '@/common/page';
import { EventType } from './event-type.entity';

/** What a list of event types leaves out. */
export interface EventTypeFilter {
  withArchived: boolean;
  /** False hides those that only some customers may see. */
  withFlagged: boolean;
  withSchemas: boolean;
}

const WITHOUT_SCHEMAS = {
  orgId: true,
  name: true,
  description: true,
  isArchived: true,
  isDeprecated: true,
  featureFlags: true,
  groupName: true,
  createdAt: true,
  updatedAt: true,
} as const;

const INSERT_OR_REPLACE = `
  INSERT INTO event_type AS existing
    (org_id, name, description, is_archived, is_deprecated, schemas, feature_flags, group_name, created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
  ON CONFLICT (org_id, name) DO UPDATE SET
    description = excluded.description, is_archived = excluded.is_archived, is_deprecated = excluded.is_deprecated,
    schemas = excluded.schemas, feature_flags = excluded.feature_flags, group_name = excluded.group_name,
    updated_at = excluded.updated_at
  WHERE existing.is_archived OR $10
  RETURNING created_at AS "createdAt", xmax = 0 AS "isNew"`;

/** Every query of the table `event_type`. */
@Injectable()
export class EventTypesRepository {
  constructor(@InjectRepository(EventType) private readonly table: Repository<EventType>) {}

  async find(orgId: string, name: string): Promise<EventType | undefined> {
    return (await this.table.findOneBy({ orgId, name })) ?? undefined;
  }

  list(orgId: string, page: PageRequest, filter: EventTypeFilter): Promise<EventType[]> {
    const { operator, sort, take } = keysetOf(page);
    return this.table.find({
      select: filter.withSchemas ? undefined : WITHOUT_SCHEMAS,
      where: {
        orgId,
        ...(filter.withArchived ? {} : { isArchived: false }),
        ...(filter.withFlagged ? {} : { featureFlags: IsNull() }),
        ...(page.cursor === undefined
          ? {}
          : { name: operator === '>' ? MoreThan(page.cursor) : LessThan(page.cursor) }),
      },
      order: { name: sort },
      take,
    });
  }

  /** Those of the names that exist and are not archived. */
  async findLiveNames(orgId: string, names: string[]): Promise<string[]> {
    const rows = await this.table.find({
      select: { orgId: true, name: true },
      where: { orgId, name: Any(names), isArchived: false },
    });
    return rows.map((row) => row.name);
  }

  /**
   * Inserts it, or overwrites the one with its name in the same statement; a live one only when `replacesLive`.
   * Undefined when a live one stands in the way. An overwritten one keeps its creation time.
   */
  async insertOrReplace(
    eventType: EventType,
    replacesLive: boolean,
  ): Promise<{ createdAt: Date; isNew: boolean } | undefined> {
    const rows = await this.table.query<{ createdAt: Date; isNew: boolean }[]>(INSERT_OR_REPLACE, [
      eventType.orgId,
      eventType.name,
      eventType.description,
      eventType.isArchived,
      eventType.isDeprecated,
      eventType.schemas === null ? null : JSON.stringify(eventType.schemas),
      eventType.featureFlags,
      eventType.groupName,
      eventType.updatedAt,
      replacesLive,
    ]);
    return rows[0];
  }

  /** Writes the given columns only, so that concurrent changes of others survive; undefined when it does not exist. */
  async update(
    orgId: string,
    name: string,
    changes: QueryDeepPartialEntity<EventType>,
  ): Promise<EventType | undefined> {
    await this.table.update({ orgId, name }, changes);
    return this.find(orgId, name);
  }

  /** True when there was one. */
  async archive(orgId: string, name: string, now: Date): Promise<boolean> {
    const { affected } = await this.table.update({ orgId, name }, { isArchived: true, updatedAt: now });
    return affected === 1;
  }

  /** True when there was one. */
  async remove(orgId: string, name: string): Promise<boolean> {
    const { affected } = await this.table.delete({ orgId, name });
    return affected === 1;
  }
}
