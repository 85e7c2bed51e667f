import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A URL of an application, with what it wants to be sent and how. */
@Entity('endpoint')
export class Endpoint {
  @PrimaryColumn('text')
  id: string;

  @Column('text', { name: 'app_id' })
  appId: string;

  @Column('text', { nullable: true })
  uid: string | null;

  @Column('text')
  url: string;

  @Column('text')
  description: string;

  /** Deliveries a second; null is unlimited. */
  @Column('integer', { name: 'throttle_rate', nullable: true })
  throttleRate: number | null;

  @Column('boolean', { name: 'is_disabled' })
  isDisabled: boolean;

  /** Event types that it takes; null takes all. */
  @Column('text', { name: 'event_types', array: true, nullable: true })
  eventTypes: string[] | null;

  /** Channels that it takes; null takes every message. */
  @Column('text', { array: true, nullable: true })
  channels: string[] | null;

  @Column('jsonb')
  metadata: Record<string, string>;

  /** Extra headers, a JSON object in a box of `SecretBox`; null without any. */
  @Column('bytea', { name: 'headers_box', nullable: true })
  headersBox: Buffer | null;

  /** Since when every attempt has failed; null when the last one did not. */
  @Column('timestamptz', { name: 'failing_since', nullable: true })
  failingSince: Date | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;

  /** Deleted endpoints keep their row, because attempts refer to it; their uid is free again and their secrets are gone. */
  @Column('timestamptz', { name: 'deleted_at', nullable: true })
  deletedAt: Date | null;
}
