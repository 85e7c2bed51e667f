import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, IsNull, LessThan, MoreThan, type QueryDeepPartialEntity, Repository } from 'typeorm';
import { keysetOf, type PageRequest } from '@/common/page';
import { EndpointSecret } from './endpoint-secret.entity';
import { Endpoint } from './endpoint.entity';

/** Every query of the table `endpoint`. Deleted endpoints do not exist for it, unless a method says otherwise. */
@Injectable()
export class EndpointsRepository {
  constructor(@InjectRepository(Endpoint) private readonly table: Repository<Endpoint>) {}

  async findByIdOrUid(appId: string, idOrUid: string): Promise<Endpoint | undefined> {
    const found = await this.table.findOneBy([
      { id: idOrUid, appId, deletedAt: IsNull() },
      { uid: idOrUid, appId, deletedAt: IsNull() },
    ]);
    return found ?? undefined;
  }

  list(appId: string, page: PageRequest): Promise<Endpoint[]> {
    const { operator, sort, take } = keysetOf(page);
    const beyond =
      page.cursor === undefined ? {} : { id: operator === '>' ? MoreThan(page.cursor) : LessThan(page.cursor) };
    return this.table.find({ where: { appId, deletedAt: IsNull(), ...beyond }, order: { id: sort }, take });
  }

  /** Endpoints by id, deleted ones too, in no order. */
  findManyWithDeleted(ids: readonly string[]): Promise<Endpoint[]> {
    return this.table.findBy({ id: In(ids) });
  }

  /** Inserts both or neither. Throws a unique violation when the uid is taken. */
  insert(endpoint: Endpoint, secret: EndpointSecret): Promise<void> {
    return this.table.manager.transaction(async (manager) => {
      await manager.insert(Endpoint, endpoint);
      await manager.insert(EndpointSecret, secret);
    });
  }

  /**
   * Writes the given columns only, so that concurrent changes of others survive; undefined when it is gone. Enabling a
   * disabled endpoint lets it start afresh.
   */
  async update(id: string, changes: QueryDeepPartialEntity<Endpoint>): Promise<Endpoint | undefined> {
    // In an UPDATE, columns on the right are those of before.
    const failingSince = (): string => 'CASE WHEN is_disabled THEN NULL ELSE failing_since END';
    await this.table.update(
      { id, deletedAt: IsNull() },
      { ...changes, ...(changes.isDisabled === false ? { failingSince } : {}) },
    );
    return (await this.table.findOneBy({ id, deletedAt: IsNull() })) ?? undefined;
  }

  /** Frees its uid and removes its secrets and headers for good. */
  async delete(id: string, now: Date): Promise<void> {
    await this.table.manager.transaction(async (manager) => {
      await manager.update(
        Endpoint,
        { id, deletedAt: IsNull() },
        { deletedAt: now, updatedAt: now, uid: null, headersBox: null },
      );
      await manager.delete(EndpointSecret, { endpointId: id });
    });
  }

  /** Changes the headers by `change` while nobody else can; false when the endpoint is gone. */
  changeHeaders(id: string, now: Date, change: (box: Buffer | null) => Buffer | null): Promise<boolean> {
    return this.table.manager.transaction(async (manager) => {
      const where = { id, deletedAt: IsNull() };
      const endpoint = await manager.findOne(Endpoint, { where, lock: { mode: 'pessimistic_write' } });
      if (endpoint === null) {
        return false;
      }
      await manager.update(Endpoint, { id }, { headersBox: change(endpoint.headersBox), updatedAt: now });
      return true;
    });
  }

  /** All endpoints of the application; none once the application is deleted. */
  listForDelivery(appId: string): Promise<Endpoint[]> {
    return this.table
      .createQueryBuilder('endpoint')
      .where('endpoint.app_id = :appId AND endpoint.deleted_at IS NULL', { appId })
      .andWhere('EXISTS (SELECT 1 FROM application WHERE id = endpoint.app_id AND deleted_at IS NULL)')
      .orderBy('endpoint.id')
      .getMany();
  }
}
