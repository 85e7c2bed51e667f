import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** What retention needs to find old rows, and the counts of attempts by endpoint and hour. */
export class RetentionAndStatistics1764100000000 implements MigrationInterface {
  readonly name = 'RetentionAndStatistics1764100000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX endpoint_secret_expires_at_idx ON endpoint_secret (expires_at) WHERE expires_at IS NOT NULL;
      CREATE INDEX message_default_id_idx ON message_default (id);
      CREATE INDEX attempt_default_id_idx ON attempt_default (id);
      -- The time of the message to eight minutes: many rows share a key, and the index has a tenth of the size.
      CREATE INDEX message_event_id_message_id_idx ON message_event_id (left(message_id, 8));

      CREATE TABLE payload_expiry (
        expires_at timestamptz NOT NULL,
        app_id text COLLATE "C" NOT NULL,
        message_id text COLLATE "C" NOT NULL
      );
      CREATE INDEX payload_expiry_expires_at_idx ON payload_expiry (expires_at);

      -- Of attempts that were made before nobody knows it: none of them counts as the end of a delivery.
      ALTER TABLE attempt ADD COLUMN is_final boolean NOT NULL DEFAULT false;
      CREATE INDEX attempt_id_idx ON attempt USING brin (id) WITH (pages_per_range = 512, autosummarize = on);

      CREATE TABLE endpoint_hour (
        endpoint_id text COLLATE "C" NOT NULL,
        hour timestamptz NOT NULL,
        successes integer NOT NULL,
        failures integer NOT NULL,
        attempts integer NOT NULL,
        failed_attempts integer NOT NULL,
        duration_ms bigint NOT NULL,
        PRIMARY KEY (endpoint_id, hour)
      ) WITH (fillfactor = 80);
      CREATE INDEX endpoint_hour_hour_idx ON endpoint_hour (hour);

      CREATE TABLE counted_hour (
        hour timestamptz PRIMARY KEY,
        counted_to text COLLATE "C" NOT NULL,
        recount_at timestamptz
      );
      CREATE INDEX counted_hour_recount_at_idx ON counted_hour (recount_at) WHERE recount_at IS NOT NULL;

      CREATE TABLE endpoint_pending (
        endpoint_id text COLLATE "C" PRIMARY KEY,
        deliveries integer NOT NULL
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE endpoint_pending, counted_hour, endpoint_hour, payload_expiry;
      DROP INDEX attempt_id_idx, attempt_default_id_idx, message_default_id_idx, message_event_id_message_id_idx,
        endpoint_secret_expires_at_idx;
      ALTER TABLE attempt DROP COLUMN is_final;
    `);
  }
}
