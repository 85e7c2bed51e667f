import { newId } from '@libs/sortable-id/sortable-id';
import { type DataSource } from 'typeorm';

/** An attempt to be written; times are unix ms. */
export interface FakeAttempt {
  atMs: number;
  endpointId: string;
  messageId?: string;
  attemptNumber?: number;
  isManual?: boolean;
  isSuccess?: boolean;
  isFinal?: boolean;
  durationMs?: number;
}

/** Writes attempts as the recorder leaves them; first successful ones unless they say otherwise. For tests only. */
export async function insertAttempts(dataSource: DataSource, attempts: readonly FakeAttempt[]): Promise<void> {
  const rows = attempts.map((attempt) => {
    const isSuccess = attempt.isSuccess ?? true;
    return {
      id: newId('atmpt', attempt.atMs),
      message_id: attempt.messageId ?? newId('msg', attempt.atMs - 10),
      endpoint_id: attempt.endpointId,
      attempt_number: attempt.attemptNumber ?? 0,
      is_manual: attempt.isManual ?? false,
      is_success: isSuccess,
      is_final: attempt.isFinal ?? isSuccess,
      response_duration_ms: attempt.durationMs ?? 5,
    };
  });
  await dataSource.query(
    `INSERT INTO attempt (id, message_id, endpoint_id, app_id, attempt_number, is_manual, is_success, is_final,
                          response_status_code, response_duration_ms, url)
     SELECT r.id, r.message_id, r.endpoint_id, 'app', r.attempt_number, r.is_manual, r.is_success, r.is_final, 200,
            r.response_duration_ms, 'https://example.com/'
     FROM json_to_recordset($1) AS r (id text, message_id text, endpoint_id text, attempt_number smallint,
       is_manual boolean, is_success boolean, is_final boolean, response_duration_ms int)`,
    [JSON.stringify(rows)],
  );
}
