import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Any, IsNull, LessThanOrEqual, MoreThan, Repository } from 'typeorm';
import { EndpointSecret } from './endpoint-secret.entity';
import { Endpoint } from './endpoint.entity';

/** How a rotation ended; `too-many` and `gone` changed nothing. */
export type RotationResult = 'done' | 'too-many' | 'gone';

/** Every query of the table `endpoint_secret` but those that make and delete it together with its endpoint. */
@Injectable()
export class EndpointSecretsRepository {
  constructor(@InjectRepository(EndpointSecret) private readonly table: Repository<EndpointSecret>) {}

  async findCurrent(endpointId: string): Promise<EndpointSecret | undefined> {
    return (await this.table.findOneBy({ endpointId, expiresAt: IsNull() })) ?? undefined;
  }

  /** The secret that was made last, of whatever endpoint. */
  async findNewest(): Promise<EndpointSecret | undefined> {
    const [newest] = await this.table.find({ order: { id: 'DESC' }, take: 1 });
    return newest;
  }

  /** The secrets that sign at the time, the newest first. */
  listLive(endpointIds: string[], now: Date): Promise<EndpointSecret[]> {
    return this.table.find({
      where: [
        { endpointId: Any(endpointIds), expiresAt: IsNull() },
        { endpointId: Any(endpointIds), expiresAt: MoreThan(now) },
      ],
      order: { id: 'DESC' },
    });
  }

  /**
   * Makes `next` the current secret; the one of before lives until `expiresAt`. Rotations of one endpoint wait for one
   * another, so that never more than `maxOld` earlier ones live at a time.
   */
  rotate(next: EndpointSecret, expiresAt: Date, maxOld: number): Promise<RotationResult> {
    const { endpointId, createdAt: now } = next;
    return this.table.manager.transaction(async (manager) => {
      const where = { id: endpointId, deletedAt: IsNull() };
      if ((await manager.findOne(Endpoint, { where, lock: { mode: 'pessimistic_write' } })) === null) {
        return 'gone';
      }
      await manager.delete(EndpointSecret, { endpointId, expiresAt: LessThanOrEqual(now) });
      const old = await manager.countBy(EndpointSecret, { endpointId, expiresAt: MoreThan(now) });
      if (expiresAt > now && old >= maxOld) {
        return 'too-many';
      }
      const current = { endpointId, expiresAt: IsNull() };
      if (expiresAt > now) {
        await manager.update(EndpointSecret, current, { expiresAt });
      } else {
        await manager.delete(EndpointSecret, current);
      }
      await manager.insert(EndpointSecret, next);
      await manager.update(Endpoint, { id: endpointId }, { updatedAt: now });
      return 'done';
    });
  }
}
