import { newId } from '@libs/sortable-id/sortable-id';
import { DataSource } from 'typeorm';
import { type Clock, SystemClock } from '@/common/clock';
import { Message } from '@/features/messages/message.entity';
import { MessagesRepository } from '@/features/messages/messages.repository';
import { type NewMessage } from '@/features/messages/messages.types';
import { type Config, loadConfig } from '@/infra/config/config';
import { dataSourceOptions } from '@/infra/database/data-source-options';
import { DAY_MS, ensurePartitions, listDayPartitions } from '@/infra/database/partitions';
import { type Logger } from '@/infra/observability/logger';
import { Metrics } from '@/infra/observability/metrics';
import { RetentionRepository } from './retention.repository';
import { RetentionService } from './retention.service';

/** The default of MESSAGE_RETENTION_DAYS. */
export const RETENTION_DAYS = 90;
export const DEFAULTS = loadConfig({});

/** A scheduler as far as retention goes, with what it measured and logged. */
export interface Scheduler {
  retention: RetentionService;
  warnings: object[];
  /** What it removed, by kind. */
  removed(): Promise<Record<string, number>>;
  /** Of a gauge without labels. */
  gauge(name: string): Promise<number | undefined>;
}

export function makeScheduler(
  dataSource: DataSource,
  { config = DEFAULTS, clock = new SystemClock() }: { config?: Config; clock?: Clock } = {},
): Scheduler {
  const metrics = new Metrics();
  const warnings: object[] = [];
  const log = {
    info: () => undefined,
    warn: (fields: object) => void warnings.push(fields),
  } as unknown as Logger;
  const valuesOf = async (name: string): Promise<{ value: number; labels: object }[]> =>
    (await metrics.registry.getSingleMetric(name)?.get())?.values ?? [];
  return {
    retention: new RetentionService(new RetentionRepository(dataSource), config, clock, metrics, log),
    warnings,
    removed: async () =>
      Object.fromEntries(
        (await valuesOf('posthorn_retention_removed_total'))
          .filter(({ value }) => value > 0)
          .map(({ labels, value }) => [(labels as { what: string }).what, value]),
      ),
    gauge: async (name) => (await valuesOf(name))[0]?.value,
  };
}

/** Writes messages as the API does, of any age. */
export class MessageFactory {
  private readonly repository: MessagesRepository;

  constructor(
    private readonly dataSource: DataSource,
    config: Config = DEFAULTS,
  ) {
    this.repository = new MessagesRepository(dataSource.getRepository(Message), new SystemClock(), config);
  }

  make(acceptedAtMs: number, fields: Partial<NewMessage> = {}): NewMessage {
    return {
      id: newId('msg', acceptedAtMs),
      appId: 'app_1',
      eventType: 'a',
      eventId: null,
      channels: null,
      tags: null,
      payload: Buffer.from('{}'),
      isJsonObject: true,
      payloadExpiresAtMs: acceptedAtMs + 90 * DAY_MS,
      deliverAtMs: null,
      keyHash: null,
      ...fields,
    };
  }

  /** Accepted, and still to be delivered: there is a dispatch row, whose id is the answer. */
  async accept(messages: NewMessage[], acceptedAtMs = Date.now()): Promise<string> {
    const dispatchId = newId('dsp', acceptedAtMs);
    await this.repository.insertBatch(dispatchId, messages);
    return dispatchId;
  }

  /** Accepted and delivered: all that is left is an attempt for each. */
  async deliver(messages: NewMessage[], attemptedAtMs: number): Promise<void> {
    await this.settle(await this.accept(messages));
    await this.dataSource.query(
      `INSERT INTO attempt (id, message_id, endpoint_id, app_id, attempt_number, is_manual, is_success,
                            response_status_code, response_duration_ms, url)
       SELECT a.id, a.message_id, 'ep_1', 'app_1', 0, false, true, 200, 1, 'https://example.com/'
       FROM unnest($1::text[], $2::text[]) AS a (id, message_id)`,
      [messages.map(() => newId('atmpt', attemptedAtMs)), messages.map(({ id }) => id)],
    );
  }

  /** Removes the dispatch row. */
  async settle(dispatchId: string): Promise<void> {
    await this.dataSource.query('DELETE FROM dispatch WHERE id = $1', [dispatchId]);
  }

  async addPending(messageId: string): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO pending_delivery (message_id, endpoint_id, is_manual, app_id, attempt_number, due_at)
       VALUES ($1, 'ep_1', false, 'app_1', 1, now())`,
      [messageId],
    );
  }
}

/** A database that belongs to the test. */
interface OwnDatabase {
  url: string;
  drop(): Promise<void>;
}

/** A database, a scheduler and a writer of messages. */
export class RetentionScene {
  /** The first day that is kept. */
  private readonly firstKept = Math.floor(Date.now() / DAY_MS) - RETENTION_DAYS;
  readonly messages: MessageFactory;
  readonly scheduler: Scheduler;

  private constructor(
    private readonly database: OwnDatabase,
    readonly dataSource: DataSource,
  ) {
    this.messages = new MessageFactory(dataSource);
    this.scheduler = makeScheduler(dataSource);
  }

  static async start(database: OwnDatabase): Promise<RetentionScene> {
    const options = { ...dataSourceOptions(database.url, 10), entities: [Message] };
    return new RetentionScene(database, await new DataSource(options).initialize());
  }

  async stop(): Promise<void> {
    await this.dataSource.destroy();
    await this.database.drop();
  }

  /** Noon of a day before (-1: the last to go) or after the first day that is kept. */
  noonOf(offset: number): number {
    return (this.firstKept + offset) * DAY_MS + DAY_MS / 2;
  }

  /** Of this day and the four after it. */
  async makePartitions(offset: number): Promise<void> {
    await ensurePartitions(this.dataSource, this.noonOf(offset));
  }

  /** Days that have partitions, counted from the first that is kept, without those of the present. */
  async oldDays(table: string): Promise<number[]> {
    const partitions = await listDayPartitions(this.dataSource);
    const days = partitions.filter((partition) => partition.table === table).map(({ day }) => day - this.firstKept);
    return days.filter((day) => day < RETENTION_DAYS - 10);
  }

  async idsOf(table: string, column = 'id'): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(`SELECT ${column} AS id FROM ${table} ORDER BY 1`);
    return rows.map(({ id }) => id);
  }
}
