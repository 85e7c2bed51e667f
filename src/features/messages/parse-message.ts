import { DuplicateMemberError, findMembers, type MemberSpan } from '@libs/json-members/json-members';
import { ValidationFailedError, type ValidationProblem } from '@/common/app-error';
import { type JsonBody } from '@/infra/http/json-text.decorator';
import { parseInstant } from '@/infra/http/query-fields';
import { isName } from '@/infra/http/validators';

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
const DEFAULT_RETENTION_MS = 90 * DAY_MS;
const MAX_DELAY_MS = DAY_MS;
const NAME_RULE = 'characters of a-z, A-Z, 0-9, "-", "_" and "."';

/** A message as the caller sent it, checked, with the payload as bytes. */
export interface ParsedMessage {
  eventType: string;
  eventId: string | null;
  channels: string[] | null;
  tags: string[] | null;
  payload: Buffer;
  isJsonObject: boolean;
  retentionMs: number;
  deliverAtMs: number | null;
  /** The `application` to create when the path names none; not checked yet. */
  application: unknown;
}

/**
 * Checks a message by hand: this runs for every message, and the payload must be cut out of the text, not parsed and
 * written again. What is accepted is described by `MessageIn`. Throws `ValidationFailedError` with all problems.
 */
export function parseMessage(body: JsonBody, nowMs: number): ParsedMessage {
  const { value, text } = body;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw ValidationFailedError.of(['body'], value === undefined ? 'A body is required.' : 'Expected a JSON object.');
  }
  const fields = value as Record<string, unknown>;
  const problems: ValidationProblem[] = [];
  const problem = (loc: string[], msg: string): void => {
    problems.push({ loc: ['body', ...loc], msg, type: 'value_error' });
  };
  const parsed = {
    eventType: eventTypeOf(fields, problem),
    eventId: eventIdOf(fields, problem),
    channels: namesOf(fields, 'channels', 5, problem),
    tags: namesOf(fields, 'tags', 8, problem),
    ...payloadOf(fields, membersOf(text), text, problem),
    retentionMs: retentionOf(fields, problem),
    deliverAtMs: deliverAtOf(fields, nowMs, problem),
    application: fields['application'] ?? undefined,
  };
  if (problems.length > 0) {
    throw new ValidationFailedError(problems);
  }
  return parsed;
}

type Report = (loc: string[], msg: string) => void;

function membersOf(text: string): Map<string, MemberSpan> {
  try {
    return findMembers(text);
  } catch (error) {
    if (error instanceof DuplicateMemberError) {
      throw ValidationFailedError.of(['body', error.member], 'The field is there twice.', 'value_error.jsondecode');
    }
    throw error;
  }
}

function eventTypeOf(fields: Record<string, unknown>, report: Report): string {
  const { eventType } = fields;
  if (isName(eventType, 256)) {
    return eventType;
  }
  report(['eventType'], eventType === undefined ? 'The field is required.' : `Expected 1 to 256 ${NAME_RULE}.`);
  return '';
}

function eventIdOf(fields: Record<string, unknown>, report: Report): string | null {
  const eventId = fields['eventId'] ?? null;
  if (eventId === null || (isName(eventId, 256) && !eventId.startsWith('msg_'))) {
    return eventId;
  }
  report(['eventId'], `Expected 1 to 256 ${NAME_RULE}, not beginning with "msg_".`);
  return null;
}

function namesOf(fields: Record<string, unknown>, field: string, max: number, report: Report): string[] | null {
  const value = fields[field] ?? null;
  if (value === null) {
    return null;
  }
  if (Array.isArray(value) && value.length >= 1 && value.length <= max && value.every((item) => isName(item, 128))) {
    return value.length === 1 ? value : [...new Set(value)];
  }
  report([field], `Expected 1 to ${max} texts of 1 to 128 ${NAME_RULE}.`);
  return null;
}

function payloadOf(
  fields: Record<string, unknown>,
  members: Map<string, MemberSpan>,
  text: string,
  report: Report,
): Pick<ParsedMessage, 'payload' | 'isJsonObject'> {
  const none = { payload: Buffer.alloc(0), isJsonObject: true };
  if (members.has('payload') && members.has('data')) {
    report(['payload'], 'payload and data are two names of one field; give one of them.');
    return none;
  }
  const name = members.has('data') ? 'data' : 'payload';
  const span = members.get(name);
  const value = fields[name];
  if (span === undefined || typeof value !== 'object' || value === null || Array.isArray(value)) {
    report(['payload'], span === undefined ? 'The field is required.' : 'Expected a JSON object.');
    return none;
  }
  const raw = rawPayloadOf(fields, report);
  if (raw !== undefined) {
    return { payload: Buffer.from(raw), isJsonObject: isJsonObjectText(raw) };
  }
  return { payload: Buffer.from(text.slice(span.start, span.end)), isJsonObject: true };
}

/** Some SDKs send every payload as a text in `transformationsParams.rawPayload`, beside an empty `payload`. */
function rawPayloadOf(fields: Record<string, unknown>, report: Report): string | undefined {
  const params = fields['transformationsParams'] ?? undefined;
  if (params === undefined) {
    return undefined;
  }
  if (typeof params !== 'object' || Array.isArray(params)) {
    report(['transformationsParams'], 'Expected a JSON object.');
    return undefined;
  }
  const raw = (params as Record<string, unknown>)['rawPayload'] ?? undefined;
  if (raw === undefined) {
    return undefined;
  }
  if (typeof raw !== 'string' || !raw.isWellFormed()) {
    report(['transformationsParams', 'rawPayload'], 'Expected a text without lone surrogates.');
    return undefined;
  }
  return raw;
}

function isJsonObjectText(text: string): boolean {
  if (!text.trimStart().startsWith('{')) {
    return false;
  }
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function retentionOf(fields: Record<string, unknown>, report: Report): number {
  const days = fields['payloadRetentionPeriod'] ?? undefined;
  const hours = fields['payloadRetentionHours'] ?? undefined;
  if (hours !== undefined) {
    return isWholeNumber(hours, 1, 2160) ? hours * HOUR_MS : refuse(report, 'payloadRetentionHours', 'hours', 2160);
  }
  if (days !== undefined) {
    return isWholeNumber(days, 1, 90) ? days * DAY_MS : refuse(report, 'payloadRetentionPeriod', 'days', 90);
  }
  return DEFAULT_RETENTION_MS;
}

function refuse(report: Report, field: string, unit: string, max: number): number {
  report([field], `Expected a whole number of ${unit} from 1 to ${max}.`);
  return DEFAULT_RETENTION_MS;
}

function isWholeNumber(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

function deliverAtOf(fields: Record<string, unknown>, nowMs: number, report: Report): number | null {
  const value = fields['deliverAt'] ?? null;
  if (value === null) {
    return null;
  }
  const atMs = typeof value === 'string' ? parseInstant(value)?.getTime() : undefined;
  if (atMs === undefined || atMs > nowMs + MAX_DELAY_MS) {
    report(['deliverAt'], 'Expected a time like 2026-01-31T12:00:00Z, at most 24 hours from now.');
    return null;
  }
  return atMs > nowMs ? atMs : null;
}
