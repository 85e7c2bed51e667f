/** A 20-byte KSUID payload as five unsigned 32-bit words, the most significant first. */
export type KsuidPayload = Uint32Array;

/** Number of base62 characters of a payload. */
const KSUID_LENGTH = 27;

const WORDS = 5;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
// The largest 20-byte number. The alphabet is in ASCII order, so texts of one length compare like their numbers.
const MAX_TEXT = 'aWgEPTl1tmebfsQzFP4bxwgy80V';
// 62^3: three digits at a time keep every intermediate value below 2^53, where doubles are exact.
const GROUP = 62 ** 3;
const GROUP_DIGITS = 3;
const TWO_32 = 2 ** 32;

const charCodes = Uint8Array.from(ALPHABET, (char) => char.charCodeAt(0));
const digitOfCharCode = new Int8Array(128).fill(-1);
charCodes.forEach((code, digit) => (digitOfCharCode[code] = digit));

const encodeWork = new Float64Array(WORDS);
const encodeOut = Buffer.alloc(KSUID_LENGTH);

/** Makes the payload in which every bit is 0, or every bit is 1. */
export function filledPayload(word: 0 | 0xffffffff): KsuidPayload {
  return new Uint32Array(WORDS).fill(word);
}

/** The 27 base62 characters of a payload, whose text order is the payload's order. */
export function encodePayload(payload: KsuidPayload): string {
  encodeWork.set(payload);
  let firstWord = 0;
  for (let end = KSUID_LENGTH; end > 0; end -= GROUP_DIGITS) {
    while (firstWord < WORDS && encodeWork[firstWord] === 0) {
      firstWord++;
    }
    writeGroup(divideByGroup(firstWord), end);
  }
  return encodeOut.toString('latin1');
}

/** The payload of 27 base62 characters, or undefined for any other text and for numbers above 20 bytes. */
export function decodePayload(text: string): KsuidPayload | undefined {
  if (!isPayloadText(text)) {
    return undefined;
  }
  const payload = filledPayload(0);
  for (let at = 0; at < KSUID_LENGTH; at += GROUP_DIGITS) {
    multiplyByGroupAndAdd(payload, readGroup(text, at));
  }
  return payload;
}

/** Tells whether the text is 27 base62 characters of a number that fits into 20 bytes. */
export function isPayloadText(text: string): boolean {
  if (text.length !== KSUID_LENGTH || text > MAX_TEXT) {
    return false;
  }
  for (let at = 0; at < KSUID_LENGTH; at++) {
    if ((digitOfCharCode[text.charCodeAt(at)] ?? -1) < 0) {
      return false;
    }
  }
  return true;
}

/** Adds one to a payload in place; the largest one becomes zero. */
export function incrementPayload(payload: KsuidPayload): void {
  for (let word = WORDS - 1; word >= 0; word--) {
    const value = ((payload[word] ?? 0) + 1) >>> 0;
    payload[word] = value;
    if (value !== 0) {
      return;
    }
  }
}

function divideByGroup(firstWord: number): number {
  let remainder = 0;
  for (let word = firstWord; word < WORDS; word++) {
    const value = remainder * TWO_32 + (encodeWork[word] ?? 0);
    const quotient = Math.floor(value / GROUP);
    encodeWork[word] = quotient;
    remainder = value - quotient * GROUP;
  }
  return remainder;
}

function writeGroup(group: number, end: number): void {
  let rest = group;
  for (let at = end - 1; at >= end - GROUP_DIGITS; at--) {
    const next = (rest / 62) | 0;
    encodeOut[at] = charCodes[rest - next * 62] ?? 0;
    rest = next;
  }
}

function readGroup(text: string, start: number): number {
  let group = 0;
  for (let at = start; at < start + GROUP_DIGITS; at++) {
    group = group * 62 + (digitOfCharCode[text.charCodeAt(at)] ?? 0);
  }
  return group;
}

function multiplyByGroupAndAdd(payload: KsuidPayload, addend: number): void {
  let carry = addend;
  for (let word = WORDS - 1; word >= 0; word--) {
    const value = (payload[word] ?? 0) * GROUP + carry;
    carry = Math.floor(value / TWO_32);
    payload[word] = value - carry * TWO_32;
  }
}
