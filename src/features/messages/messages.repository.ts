import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { firstIdAt } from '@libs/sortable-id/sortable-id';
import { Clock } from '@/common/clock';
import { keysetOf, type PageRequest } from '@/common/page';
import { Config } from '@/infra/config/config';
import { Conditions } from '@/infra/database/conditions';
import { joined, packed } from '@/infra/database/columns';
import { DAY_MS, IDEMPOTENCY_PERIOD_MS } from '@/infra/database/partitions';
import { insertMessagesSql } from './insert-messages.sql';
import { Message } from './message.entity';
import { type FittingMessage, type NewMessage, type StoredMessage } from './messages.types';

/** Which messages of an application a list wants. */
export interface MessageFilter {
  channel?: string;
  tag?: string;
  eventTypes?: string[];
  before?: Date;
  after?: Date;
}

/** Content that ends less than this before its message goes with it. */
const EARLY_MS = 3_600_000;

const COLUMNS_BESIDE = `m.id, m.app_id AS "appId", m.event_type AS "eventType", m.event_id AS "eventId", m.channels, m.tags,
  m.is_json_object AS "isJsonObject", m.deliver_at AS "deliverAt"`;
const PAYLOAD = 'CASE WHEN m.payload_expires_at > now() THEN m.payload END';
const COLUMNS = `${COLUMNS_BESIDE}, ${PAYLOAD} AS payload`;

/** Messages by their keys; the bounds say nothing new, but let the planner skip all partitions outside of them. */
const BY_KEYS = `
  FROM unnest(string_to_array($1, ','), string_to_array($2, ',')) AS k (app_id, id)
  JOIN message m ON m.app_id = k.app_id AND m.id = k.id
  WHERE m.id >= $3 AND m.id <= $4`;

/**
 * Every query of the tables `message`, `message_event_id` and of the keys of messages, and the writing of `dispatch` and
 * `payload_expiry`. What is old is removed by the retention.
 */
@Injectable()
export class MessagesRepository {
  constructor(
    @InjectRepository(Message) private readonly table: Repository<Message>,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /**
   * Stores a batch in one transaction; answers for each message whether it was stored. `isFree` when it will not go to the
   * queue, so that workers need not wait whether it comes from there.
   */
  async insertBatch(dispatchId: string, messages: readonly NewMessage[], isFree = false): Promise<boolean[]> {
    const payloads = packed(messages.map((message) => message.payload));
    const earlyBeforeMs = this.clock.now() + this.config.messageRetentionDays * DAY_MS - EARLY_MS;
    const guards = {
      hasEventIds: messages.some((message) => message.eventId !== null),
      hasKeys: messages.some((message) => message.keyHash !== null),
      hasEarlyExpiries: messages.some((message) => message.payloadExpiresAtMs < earlyBeforeMs),
      isFree,
    };
    const rows = await this.table.query<{ id: string }[]>(insertMessagesSql(guards), [
      dispatchId,
      joined(messages.map((message) => message.id)),
      joined(messages.map((message) => message.appId)),
      joined(messages.map((message) => message.eventType)),
      payloads.bytes,
      payloads.starts,
      payloads.lengths,
      joined(messages.map((message) => message.isJsonObject)),
      joined(messages.map((message) => message.payloadExpiresAtMs)),
      joined(messages.map((message) => message.eventId)),
      messages.map((message) => message.channels?.join(',') ?? '').join(';'),
      messages.map((message) => message.tags?.join(',') ?? '').join(';'),
      joined(messages.map((message) => message.deliverAtMs)),
      joined(messages.map((message) => message.keyHash)),
      ...(guards.hasKeys ? [this.period()] : []),
      ...(guards.hasEarlyExpiries ? [earlyBeforeMs] : []),
    ]);
    if (rows.length === messages.length) {
      return messages.map(() => true);
    }
    const stored = new Set(rows.map((row) => row.id));
    return messages.map((message) => stored.has(message.id));
  }

  /** The id of the message that was stored under this key in the last twelve hours or more. */
  async findIdByKey(keyHash: string): Promise<string | undefined> {
    const rows = await this.table.query<{ id: string }[]>(
      `SELECT message_id AS id FROM idempotency_key
       WHERE period IN ($1, $2) AND key_hash = decode($3, 'hex') AND message_id IS NOT NULL`,
      [this.period(), this.period() - 1, keyHash],
    );
    return rows[0]?.id;
  }

  async findById(appId: string, id: string): Promise<StoredMessage | undefined> {
    const rows = await this.table.query<StoredMessage[]>(
      `SELECT ${COLUMNS} FROM message m WHERE m.app_id = $1 AND m.id = $2`,
      [appId, id],
    );
    return rows[0];
  }

  async findByEventId(appId: string, eventId: string): Promise<StoredMessage | undefined> {
    const rows = await this.table.query<{ id: string }[]>(
      'SELECT message_id AS id FROM message_event_id WHERE app_id = $1 AND event_id = $2',
      [appId, eventId],
    );
    const id = rows[0]?.id;
    return id === undefined ? undefined : this.findById(appId, id);
  }

  /** Messages by their keys, with content, in no order; the arrays go in parallel. */
  async findMany(appIds: readonly string[], ids: readonly string[]): Promise<StoredMessage[]> {
    if (ids.length === 0) {
      return [];
    }
    return this.table.query<StoredMessage[]>(`SELECT ${COLUMNS} ${BY_KEYS}`, keyParameters(appIds, ids));
  }

  /**
   * As `findMany`, but leaves the content of messages out once that of those before them has come to `maxBytes`; never that
   * of the first one.
   */
  async findWithin(appIds: readonly string[], ids: readonly string[], maxBytes: number): Promise<FittingMessage[]> {
    if (ids.length === 0) {
      return [];
    }
    return this.table.query<FittingMessage[]>(
      `SELECT ${COLUMNS_BESIDE}, NOT fits AS "isLeftOut", CASE WHEN fits THEN ${PAYLOAD} END AS payload
       FROM (
         SELECT m.*, coalesce(sum(octet_length(m.payload)) OVER earlier, 0) < $5 AS fits ${BY_KEYS}
         WINDOW earlier AS (ORDER BY m.id, m.app_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
       ) m`,
      [...keyParameters(appIds, ids), maxBytes],
    );
  }

  /** A page of the messages of an application, newest first. */
  async list(appId: string, filter: MessageFilter, page: PageRequest): Promise<StoredMessage[]> {
    const { operator, sort, take } = keysetOf(page);
    const where = new Conditions().add('m.app_id = ?', appId);
    if (page.cursor !== undefined) {
      where.add(`m.id ${operator} ?`, page.cursor);
    }
    if (filter.before !== undefined) {
      where.add('m.id < ?', firstIdAt('msg', filter.before.getTime()));
    }
    if (filter.after !== undefined) {
      where.add('m.id > ?', firstIdAt('msg', filter.after.getTime()));
    }
    if (filter.channel !== undefined) {
      where.add('? = ANY (m.channels)', filter.channel);
    }
    if (filter.tag !== undefined) {
      where.add('? = ANY (m.tags)', filter.tag);
    }
    if (filter.eventTypes !== undefined) {
      where.add('m.event_type = ANY (?)', filter.eventTypes);
    }
    return this.table.query<StoredMessage[]>(
      `SELECT ${COLUMNS} FROM message m WHERE ${where.sql} ORDER BY m.id ${sort} LIMIT ${where.bind(take)}`,
      where.parameters,
    );
  }

  private period(): number {
    return Math.floor(this.clock.now() / IDEMPOTENCY_PERIOD_MS);
  }
}

function keyParameters(appIds: readonly string[], ids: readonly string[]): unknown[] {
  const sorted = [...ids].sort();
  return [joined(appIds), joined(ids), sorted[0], sorted[sorted.length - 1]];
}
