import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** Tables of the whole first path. Ids sort by time (`COLLATE "C"`), so id ranges are time ranges. */
export class InitialSchema1764000000000 implements MigrationInterface {
  readonly name = 'InitialSchema1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE application (
        id text COLLATE "C" PRIMARY KEY,
        org_id text COLLATE "C" NOT NULL,
        uid text COLLATE "C",
        name text NOT NULL,
        throttle_rate integer,
        metadata jsonb NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz
      );
      CREATE UNIQUE INDEX application_org_id_uid_idx ON application (org_id, uid) WHERE deleted_at IS NULL;
      CREATE INDEX application_org_id_id_idx ON application (org_id, id) WHERE deleted_at IS NULL;

      CREATE TABLE event_type (
        org_id text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        description text NOT NULL,
        is_archived boolean NOT NULL DEFAULT false,
        is_deprecated boolean NOT NULL DEFAULT false,
        schemas jsonb,
        feature_flags text[],
        group_name text,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, name)
      );

      CREATE TABLE endpoint (
        id text COLLATE "C" PRIMARY KEY,
        app_id text COLLATE "C" NOT NULL REFERENCES application (id),
        uid text COLLATE "C",
        url text NOT NULL,
        description text NOT NULL DEFAULT '',
        throttle_rate integer,
        is_disabled boolean NOT NULL DEFAULT false,
        event_types text[],
        channels text[],
        metadata jsonb NOT NULL DEFAULT '{}',
        headers_box bytea,
        failing_since timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz
      );
      CREATE UNIQUE INDEX endpoint_app_id_uid_idx ON endpoint (app_id, uid) WHERE deleted_at IS NULL;
      CREATE INDEX endpoint_app_id_id_idx ON endpoint (app_id, id) WHERE deleted_at IS NULL;

      CREATE TABLE endpoint_secret (
        id text COLLATE "C" PRIMARY KEY,
        endpoint_id text COLLATE "C" NOT NULL REFERENCES endpoint (id),
        secret_box bytea NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz
      );
      CREATE INDEX endpoint_secret_endpoint_id_idx ON endpoint_secret (endpoint_id, id);

      CREATE TABLE message (
        id text COLLATE "C" NOT NULL,
        app_id text COLLATE "C" NOT NULL,
        event_type text COLLATE "C" NOT NULL,
        event_id text COLLATE "C",
        channels text[],
        tags text[],
        payload bytea,
        is_json_object boolean NOT NULL DEFAULT true,
        payload_expires_at timestamptz NOT NULL,
        deliver_at timestamptz,
        PRIMARY KEY (app_id, id)
      ) PARTITION BY RANGE (id);
      CREATE TABLE message_default PARTITION OF message DEFAULT;

      CREATE TABLE message_event_id (
        app_id text COLLATE "C" NOT NULL,
        event_id text COLLATE "C" NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        PRIMARY KEY (app_id, event_id)
      );

      CREATE TABLE idempotency_key (
        period integer NOT NULL,
        key_hash bytea NOT NULL,
        message_id text COLLATE "C",
        status smallint,
        answer_box bytea,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (period, key_hash)
      ) PARTITION BY RANGE (period);
      CREATE TABLE idempotency_key_default PARTITION OF idempotency_key DEFAULT;

      CREATE TABLE dispatch (
        id text COLLATE "C" PRIMARY KEY,
        app_ids text[] NOT NULL,
        message_ids text[] NOT NULL,
        claimed_until timestamptz
      ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0,
              autovacuum_analyze_threshold = 100000);

      CREATE TABLE pending_delivery (
        message_id text COLLATE "C" NOT NULL,
        endpoint_id text COLLATE "C" NOT NULL,
        is_manual boolean NOT NULL,
        app_id text COLLATE "C" NOT NULL,
        attempt_number smallint NOT NULL,
        due_at timestamptz NOT NULL,
        claim text COLLATE "C",
        PRIMARY KEY (message_id, endpoint_id, is_manual)
      ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
      CREATE INDEX pending_delivery_due_at_idx ON pending_delivery (due_at);

      CREATE TABLE attempt (
        id text COLLATE "C" NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        endpoint_id text COLLATE "C" NOT NULL,
        app_id text COLLATE "C" NOT NULL,
        attempt_number smallint NOT NULL,
        is_manual boolean NOT NULL,
        is_success boolean NOT NULL,
        response_status_code smallint NOT NULL,
        response_duration_ms integer NOT NULL,
        url text NOT NULL,
        response bytea,
        PRIMARY KEY (message_id, id)
      ) PARTITION BY RANGE (id);
      CREATE INDEX attempt_endpoint_id_id_idx ON attempt (endpoint_id, id);
      CREATE INDEX attempt_endpoint_id_message_id_idx ON attempt (endpoint_id, message_id, id);
      CREATE TABLE attempt_default PARTITION OF attempt DEFAULT;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE attempt, pending_delivery, dispatch, idempotency_key, message_event_id, message,
        endpoint_secret, endpoint, event_type, application
    `);
  }
}
