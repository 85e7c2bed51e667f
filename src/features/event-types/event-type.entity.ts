import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A kind of event of an organization, that endpoints can subscribe to. */
@Entity('event_type')
export class EventType {
  @PrimaryColumn('text', { name: 'org_id' })
  orgId: string;

  @PrimaryColumn('text')
  name: string;

  @Column('text')
  description: string;

  /** Archived ones are hidden from lists and cannot be subscribed to anew; what uses them goes on. */
  @Column('boolean', { name: 'is_archived' })
  isArchived: boolean;

  @Column('boolean', { name: 'is_deprecated' })
  isDeprecated: boolean;

  /** JSON Schema of the payload by version. */
  @Column('jsonb', { nullable: true })
  schemas: Record<string, object | boolean> | null;

  /** Never empty: null means that every customer sees it. */
  @Column('text', { name: 'feature_flags', array: true, nullable: true })
  featureFlags: string[] | null;

  @Column('text', { name: 'group_name', nullable: true })
  groupName: string | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}
