import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { firstIdAt } from '@libs/sortable-id/sortable-id';
import { keysetOf, type PageRequest } from '@/common/page';
import { Conditions } from '@/infra/database/conditions';
import { type StoredAttempt } from './attempts.responses';
import { type AttemptFilter, type DeliveryState } from './attempts.types';

const COLUMNS = `a.id, a.message_id AS "messageId", a.endpoint_id AS "endpointId", a.is_manual AS "isManual",
  a.is_success AS "isSuccess", a.response_status_code AS "statusCode", a.response_duration_ms AS "durationMs", a.url`;

/**
 * A look-up by key in what is pending, for each delivery that is shown: a join would read all that is pending, or all
 * attempts of an endpoint before the page is cut. The OFFSET keeps the planner from turning it into one.
 */
function ofPending(column: string): string {
  return `(SELECT ${column} FROM pending_delivery p
    WHERE p.message_id = a.message_id AND p.endpoint_id = a.endpoint_id AND NOT p.is_manual OFFSET 0)`;
}

/** Not IS NULL, which the planner takes for so rare that it would read and sort all there is. */
const IS_PENDING = `coalesce(${ofPending('true')}, false)`;

const STATE_COLUMNS = `bool_or(a.is_success) AS "isSuccess", ${ofPending('p.due_at')} AS "dueAt",
  coalesce(${ofPending('p.claim IS NOT NULL')}, false) AS "isClaimed"`;

/** Reads attempts and what they add up to. */
@Injectable()
export class AttemptsRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** A page of the attempts to an endpoint, newest first. */
  listByEndpoint(
    endpointId: string,
    filter: AttemptFilter,
    page: PageRequest,
    withContent: boolean,
  ): Promise<StoredAttempt[]> {
    return this.list(new Conditions().add('a.endpoint_id = ?', endpointId), filter, page, withContent);
  }

  /** A page of the attempts of a message, newest first. */
  listByMessage(
    messageId: string,
    filter: AttemptFilter,
    page: PageRequest,
    withContent: boolean,
  ): Promise<StoredAttempt[]> {
    return this.list(new Conditions().add('a.message_id = ?', messageId), filter, page, withContent);
  }

  async find(appId: string, messageId: string, id: string): Promise<StoredAttempt | undefined> {
    const rows = await this.dataSource.query<StoredAttempt[]>(
      `SELECT ${COLUMNS}, a.response FROM attempt a WHERE a.message_id = $1 AND a.id = $2 AND a.app_id = $3`,
      [messageId, id, appId],
    );
    return rows[0];
  }

  /**
   * A page of the messages that were attempted at an endpoint, newest message first. Walks the index
   * (endpoint_id, message_id, id) message by message and stops when the page is full.
   */
  listAttemptedMessages(
    appId: string,
    endpointId: string,
    filter: AttemptFilter,
    page: PageRequest,
  ): Promise<(DeliveryState & { messageId: string })[]> {
    const { operator, sort, take } = keysetOf(page);
    const where = new Conditions().add('a.endpoint_id = ?', endpointId);
    addTimes(where, 'a.message_id', 'msg', filter);
    if (page.cursor !== undefined) {
      where.add(`a.message_id ${operator} ?`, page.cursor);
    }
    if (hasMessageFilter(filter)) {
      where.addRaw(messageFilter(where, filter, where.bind(appId), 'a.message_id'));
    }
    return this.dataSource.query<(DeliveryState & { messageId: string })[]>(
      `SELECT a.message_id AS "messageId", ${STATE_COLUMNS} FROM attempt a
       WHERE ${where.sql}
       GROUP BY a.endpoint_id, a.message_id
       HAVING ${stateCondition(filter.status)}
       ORDER BY a.message_id ${sort}
       LIMIT ${where.bind(take)}`,
      where.parameters,
    );
  }

  /** A page of the endpoints that a message was attempted at, by endpoint id. */
  listDestinations(messageId: string, page: PageRequest): Promise<(DeliveryState & { endpointId: string })[]> {
    const { operator, sort, take } = keysetOf(page);
    const where = new Conditions().add('a.message_id = ?', messageId);
    if (page.cursor !== undefined) {
      where.add(`a.endpoint_id ${operator} ?`, page.cursor);
    }
    return this.dataSource.query<(DeliveryState & { endpointId: string })[]>(
      `SELECT a.endpoint_id AS "endpointId", ${STATE_COLUMNS} FROM attempt a
       WHERE ${where.sql}
       GROUP BY a.message_id, a.endpoint_id
       ORDER BY a.endpoint_id ${sort}
       LIMIT ${where.bind(take)}`,
      where.parameters,
    );
  }

  private list(
    where: Conditions,
    filter: AttemptFilter,
    page: PageRequest,
    withContent: boolean,
  ): Promise<StoredAttempt[]> {
    const { operator, sort, take } = keysetOf(page);
    if (filter.status === 1 || filter.status === 3) {
      // An attempt is recorded when it is over, so none is pending or under way.
      return Promise.resolve([]);
    }
    if (page.cursor !== undefined) {
      where.add(`a.id ${operator} ?`, page.cursor);
    }
    addTimes(where, 'a.id', 'atmpt', filter);
    if (filter.endpointId !== undefined) {
      where.add('a.endpoint_id = ?', filter.endpointId);
    }
    if (filter.status !== undefined) {
      where.add('a.is_success = ?', filter.status === 0);
    }
    if (filter.statusCodeClass !== undefined) {
      const { statusCodeClass: from } = filter;
      where.add('a.response_status_code >= ?', from).add('a.response_status_code < ?', from === 0 ? 100 : from + 100);
    }
    if (hasMessageFilter(filter)) {
      where.addRaw(messageFilter(where, filter, 'a.app_id', 'a.message_id'));
    }
    return this.dataSource.query<StoredAttempt[]>(
      `SELECT ${COLUMNS}, ${withContent ? 'a.response' : 'NULL AS response'} FROM attempt a
       WHERE ${where.sql} ORDER BY a.id ${sort} LIMIT ${where.bind(take)}`,
      where.parameters,
    );
  }
}

function addTimes(where: Conditions, column: string, prefix: 'msg' | 'atmpt', filter: AttemptFilter): void {
  if (filter.before !== undefined) {
    where.add(`${column} < ?`, firstIdAt(prefix, filter.before.getTime()));
  }
  if (filter.after !== undefined) {
    where.add(`${column} > ?`, firstIdAt(prefix, filter.after.getTime()));
  }
}

function hasMessageFilter(filter: AttemptFilter): boolean {
  return filter.channel !== undefined || filter.tag !== undefined || filter.eventTypes !== undefined;
}

/** Checks the message of each row, by its key, while the rows are walked in order. */
function messageFilter(where: Conditions, filter: AttemptFilter, appId: string, messageId: string): string {
  const checks = [`m.app_id = ${appId}`, `m.id = ${messageId}`];
  if (filter.channel !== undefined) {
    checks.push(`${where.bind(filter.channel)} = ANY (m.channels)`);
  }
  if (filter.tag !== undefined) {
    checks.push(`${where.bind(filter.tag)} = ANY (m.tags)`);
  }
  if (filter.eventTypes !== undefined) {
    checks.push(`m.event_type = ANY (${where.bind(filter.eventTypes)})`);
  }
  // The OFFSET keeps the planner from turning this into a join that sorts.
  return `(SELECT true FROM message m WHERE ${checks.join(' AND ')} OFFSET 0)`;
}

function stateCondition(status: AttemptFilter['status']): string {
  switch (status) {
    case undefined:
      return 'true';
    case 0:
      return 'bool_or(a.is_success)';
    case 1:
      // Every message of the list was attempted.
      return 'false';
    case 2:
      return `NOT bool_or(a.is_success) AND NOT ${IS_PENDING}`;
    case 3:
      return `NOT bool_or(a.is_success) AND ${IS_PENDING}`;
  }
}
