import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, LessThan, MoreThan, type QueryDeepPartialEntity, Repository } from 'typeorm';
import { keysetOf, type PageRequest } from '@/common/page';
import { Application } from './application.entity';

/** Every query of the table `application`. */
@Injectable()
export class ApplicationsRepository {
  constructor(@InjectRepository(Application) private readonly table: Repository<Application>) {}

  async findByIdOrUid(orgId: string, idOrUid: string): Promise<Application | undefined> {
    const found = await this.table.findOneBy([
      { id: idOrUid, orgId, deletedAt: IsNull() },
      { uid: idOrUid, orgId, deletedAt: IsNull() },
    ]);
    return found ?? undefined;
  }

  list(orgId: string, page: PageRequest): Promise<Application[]> {
    const { operator, sort, take } = keysetOf(page);
    const beyond =
      page.cursor === undefined ? {} : { id: operator === '>' ? MoreThan(page.cursor) : LessThan(page.cursor) };
    return this.table.find({ where: { orgId, deletedAt: IsNull(), ...beyond }, order: { id: sort }, take });
  }

  /** Throws a unique violation when the uid is taken. */
  async insert(application: Application): Promise<void> {
    await this.table.insert(application);
  }

  /** Writes the given columns only, so that concurrent changes of others survive; undefined when it is gone. */
  async update(id: string, changes: QueryDeepPartialEntity<Application>): Promise<Application | undefined> {
    await this.table.update({ id, deletedAt: IsNull() }, changes);
    return (await this.table.findOneBy({ id, deletedAt: IsNull() })) ?? undefined;
  }
}
