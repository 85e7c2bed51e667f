import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A signing secret of an endpoint: the current one, or an earlier one that is still valid for a while. */
@Entity('endpoint_secret')
export class EndpointSecret {
  @PrimaryColumn('text')
  id: string;

  @Column('text', { name: 'endpoint_id' })
  endpointId: string;

  /** The text of the secret in a box of `SecretBox`. */
  @Column('bytea', { name: 'secret_box' })
  secretBox: Buffer;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  /** Null for the current secret, of which each endpoint has exactly one. */
  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt: Date | null;
}
