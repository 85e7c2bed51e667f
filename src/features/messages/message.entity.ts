import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One event to deliver; immutable. Partitioned by id, which is time. */
@Entity('message')
export class Message {
  @PrimaryColumn('text', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('text')
  id: string;

  @Column('text', { name: 'event_type' })
  eventType: string;

  @Column('text', { name: 'event_id', nullable: true })
  eventId: string | null;

  @Column('text', { array: true, nullable: true })
  channels: string[] | null;

  @Column('text', { array: true, nullable: true })
  tags: string[] | null;

  /** The exact bytes that are delivered; null when the content was removed. */
  @Column('bytea', { nullable: true })
  payload: Buffer | null;

  @Column('boolean', { name: 'is_json_object' })
  isJsonObject: boolean;

  @Column('timestamptz', { name: 'payload_expires_at' })
  payloadExpiresAt: Date;

  @Column('timestamptz', { name: 'deliver_at', nullable: true })
  deliverAt: Date | null;
}
