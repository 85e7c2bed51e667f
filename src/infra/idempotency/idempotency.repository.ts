import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Clock } from '@/common/clock';
import { SecretBox } from '@/infra/crypto/secret-box';
import { IDEMPOTENCY_PERIOD_MS } from '@/infra/database/partitions';

/** An answer that was given once. */
export interface KeptAnswer {
  status: number;
  /** The JSON value of the body; undefined without one. */
  body: unknown;
}

/** Whose turn it is: the caller's own, somebody else's who is at it, or nobody's any more. */
export type Claim = 'ours' | 'under way' | KeptAnswer;

/** A request that holds a key for longer than this has died. */
const ABANDONED_AFTER_SECONDS = 60;

/** Answers by idempotency key in Postgres, encrypted, for 12 to 24 hours. Keys of messages are written with the message. */
@Injectable()
export class IdempotencyRepository {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly box: SecretBox,
    private readonly clock: Clock,
  ) {}

  /** Takes the key for this request, or tells what became of it. */
  async claim(keyHash: string): Promise<Claim> {
    const period = this.period();
    const [rows] = await this.dataSource.query<[{ status: number | null; box: Buffer | null }[], number]>(
      `UPDATE idempotency_key SET created_at = now()
       WHERE period IN ($1, $1 - 1) AND key_hash = decode($2, 'hex') AND status IS NULL
         AND created_at < now() - make_interval(secs => $3)
       RETURNING status`,
      [period, keyHash, ABANDONED_AFTER_SECONDS],
    );
    if (rows.length > 0) {
      return 'ours';
    }
    const kept = await this.find(keyHash);
    return kept ?? ((await this.insert(period, keyHash)) ? 'ours' : ((await this.find(keyHash)) ?? 'under way'));
  }

  /** Keeps the answer of the request that has the key. */
  async complete(keyHash: string, answer: KeptAnswer): Promise<void> {
    const box = answer.body === undefined ? null : this.box.seal(JSON.stringify(answer.body));
    await this.dataSource.query(
      `UPDATE idempotency_key SET status = $3, answer_box = $4
       WHERE period IN ($1, $1 - 1) AND key_hash = decode($2, 'hex')`,
      [this.period(), keyHash, answer.status, box],
    );
  }

  /** Frees the key of a request that failed: it may be tried again. */
  async release(keyHash: string): Promise<void> {
    await this.dataSource.query(
      `DELETE FROM idempotency_key WHERE period IN ($1, $1 - 1) AND key_hash = decode($2, 'hex') AND status IS NULL`,
      [this.period(), keyHash],
    );
  }

  private async insert(period: number, keyHash: string): Promise<boolean> {
    const rows = await this.dataSource.query<unknown[]>(
      `INSERT INTO idempotency_key (period, key_hash) VALUES ($1, decode($2, 'hex')) ON CONFLICT DO NOTHING RETURNING 1`,
      [period, keyHash],
    );
    return rows.length > 0;
  }

  private async find(keyHash: string): Promise<Claim | undefined> {
    const rows = await this.dataSource.query<{ status: number | null; box: Buffer | null }[]>(
      `SELECT status, answer_box AS box FROM idempotency_key
       WHERE period IN ($1, $1 - 1) AND key_hash = decode($2, 'hex')`,
      [this.period(), keyHash],
    );
    const [row] = rows;
    if (row === undefined) {
      return undefined;
    }
    if (row.status === null) {
      return 'under way';
    }
    return { status: row.status, body: row.box === null ? undefined : (JSON.parse(this.box.open(row.box)) as unknown) };
  }

  private period(): number {
    return Math.floor(this.clock.now() / IDEMPOTENCY_PERIOD_MS);
  }
}
