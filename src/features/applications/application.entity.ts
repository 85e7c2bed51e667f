import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One customer of an organization; owns endpoints and messages. */
@Entity('application')
export class Application {
  @PrimaryColumn('text')
  id: string;

  @Column('text', { name: 'org_id' })
  orgId: string;

  @Column('text', { nullable: true })
  uid: string | null;

  @Column('text')
  name: string;

  /** Deliveries a second; null is unlimited. */
  @Column('integer', { name: 'throttle_rate', nullable: true })
  throttleRate: number | null;

  @Column('jsonb')
  metadata: Record<string, string>;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;

  /** Deleted applications keep their row, because messages and attempts refer to it; their uid is free again. */
  @Column('timestamptz', { name: 'deleted_at', nullable: true })
  deletedAt: Date | null;
}
