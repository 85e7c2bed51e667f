import { IdGenerator } from './id-generator';
import { EPOCH_MS, MAX_TICK, TICK_MS, timeOfPayload, writeTick } from './id-time';
import { decodePayload, encodePayload, filledPayload, isPayloadText } from './ksuid-payload';

export { MAX_CLOCK_STEP_BACK_MS } from './id-generator';

/** The kinds of id; the text of an id is the prefix, `_`, and 27 base62 characters. */
export const ID_PREFIXES = ['app', 'ep', 'msg', 'atmpt', 'org', 'qtask', 'dsp', 'req', 'sec'] as const;

/** The prefix of an id, without its underscore. */
export type IdPrefix = (typeof ID_PREFIXES)[number];

const generators = Object.fromEntries(ID_PREFIXES.map((prefix) => [prefix, new IdGenerator()])) as Record<
  IdPrefix,
  IdGenerator
>;

/**
 * Makes a new id: a KSUID with 4 ms resolution (4 bytes of seconds since 1,400,000,000, 1 byte of 4 ms, 15 random
 * bytes) as Svix has them, whose byte order (C collation) is the order of time.
 *
 * Ids that this process makes with one prefix are strictly increasing, also inside the same 4 ms (the last id plus
 * one) and while the clock is up to MAX_CLOCK_STEP_BACK_MS behind the last id; they keep the later time then. A clock that went
 * back further is followed: ids stay unique but start again at the earlier time. Ids of different processes are in
 * order to 4 ms and the difference of their clocks. Neighbouring ids can be guessed: an id is not a secret.
 *
 * `nowMs` is unix time in ms; RangeError when it is not from May 2014 to June 2150.
 */
export function newId(prefix: IdPrefix, nowMs: number): string {
  return prefix + '_' + generators[prefix].next(nowMs);
}

/**
 * The smallest id of the 4 ms that contain `ms` (unix ms); a time before or after all ids gives the smallest or the
 * largest id of all. RangeError for NaN.
 */
export function firstIdAt(prefix: IdPrefix, ms: number): string {
  return boundaryId(prefix, ms, 0);
}

/** The largest id of the 4 ms that contain `ms`; otherwise as firstIdAt. */
export function lastIdAt(prefix: IdPrefix, ms: number): string {
  return boundaryId(prefix, ms, 0xffffffff);
}

/** The time of an id of any prefix in unix ms, rounded down to 4 ms. RangeError for a text that is no id. */
export function timeOfId(id: string): number {
  const underscore = id.indexOf('_');
  const payload = isPrefix(id.slice(0, underscore)) ? decodePayload(id.slice(underscore + 1)) : undefined;
  if (payload === undefined) {
    throw new RangeError('Not an id');
  }
  return timeOfPayload(payload);
}

/** Tells whether the text is a well-formed id with this prefix: length, alphabet, and a number of at most 20 bytes. */
export function isId(prefix: IdPrefix, text: string): boolean {
  return text.startsWith(prefix) && text[prefix.length] === '_' && isPayloadText(text.slice(prefix.length + 1));
}

function isPrefix(text: string): boolean {
  return (ID_PREFIXES as readonly string[]).includes(text);
}

function boundaryId(prefix: IdPrefix, ms: number, fill: 0 | 0xffffffff): string {
  const tick = Math.floor((ms - EPOCH_MS) / TICK_MS);
  if (Number.isNaN(tick)) {
    throw new RangeError('The time of an id must be a number');
  }
  if (tick < 0 || tick > MAX_TICK) {
    return `${prefix}_${encodePayload(filledPayload(tick < 0 ? 0 : 0xffffffff))}`;
  }
  const payload = filledPayload(fill);
  writeTick(payload, tick, fill & 0xffffff);
  return `${prefix}_${encodePayload(payload)}`;
}
