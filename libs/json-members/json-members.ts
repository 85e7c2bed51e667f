/** Where the value of one member of a JSON object stands in the text: `text.slice(start, end)`. */
export interface MemberSpan {
  start: number;
  end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** A member of the object is there twice. */
export class DuplicateMemberError extends Error {
  constructor(readonly member: string) {
    super(`"${member.slice(0, 100)}" is there twice`);
    this.name = 'DuplicateMemberError';
  }
}

/**
 * Finds the members of a JSON object without parsing their values, so that a value can be taken byte for byte.
 *
 * `text` must be valid JSON and its value an object (parse it first); otherwise the result means nothing, but the scan
 * still ends. Linear in time, no recursion, whatever the nesting. Throws `DuplicateMemberError`.
 */
export function findMembers(text: string): Map<string, MemberSpan> {
  const members = new Map<string, MemberSpan>();
  let index = skipSpace(text, 0) + 1;
  for (;;) {
    index = skipSpace(text, index);
    if (text.charCodeAt(index) !== QUOTE) {
      return members;
    }
    const keyEnd = endOfString(text, index);
    const name = JSON.parse(text.slice(index, keyEnd)) as string;
    if (members.has(name)) {
      throw new DuplicateMemberError(name);
    }
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    members.set(name, { start, end });
    index = skipSpace(text, end);
    if (text.charCodeAt(index) !== COMMA) {
      return members;
    }
    index++;
  }
}

function skipSpace(text: string, from: number): number {
  let index = from;
  // Beyond the end charCodeAt is NaN, which ends the loop.
  while (text.charCodeAt(index) <= 0x20) {
    index++;
  }
  return index;
}

/** Index after the closing quote of the string that opens at `from`. */
function endOfString(text: string, from: number): number {
  let index = from + 1;
  for (;;) {
    const quote = text.indexOf('"', index);
    if (quote === -1) {
      return text.length;
    }
    if (text.charCodeAt(quote - 1) !== BACKSLASH || !isEscaped(text, quote, from)) {
      return quote + 1;
    }
    index = quote + 1;
  }
}

/** A quote is escaped when an odd number of backslashes stands in front of it. */
function isEscaped(text: string, quote: number, from: number): boolean {
  let index = quote - 1;
  while (index > from && text.charCodeAt(index) === BACKSLASH) {
    index--;
  }
  return (quote - 1 - index) % 2 === 1;
}

function endOfValue(text: string, from: number): number {
  const first = text.charCodeAt(from);
  if (first === QUOTE) {
    return endOfString(text, from);
  }
  return first === OPEN_BRACE || first === OPEN_BRACKET ? endOfContainer(text, from) : endOfPrimitive(text, from);
}

function endOfContainer(text: string, from: number): number {
  let depth = 0;
  let index = from;
  while (index < text.length) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      index = endOfString(text, index);
      continue;
    }
    index++;
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth++;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth--;
      if (depth === 0) {
        return index;
      }
    }
  }
  return index;
}

function endOfPrimitive(text: string, from: number): number {
  let index = from;
  for (;;) {
    const code = text.charCodeAt(index);
    if (!(code > 0x20) || code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      return index;
    }
    index++;
  }
}
