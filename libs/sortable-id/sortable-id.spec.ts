import fc from 'fast-check';
import { decodePayload, encodePayload, incrementPayload, isPayloadText } from './ksuid-payload';
import {
  firstIdAt,
  ID_PREFIXES,
  type IdPrefix,
  isId,
  lastIdAt,
  MAX_CLOCK_STEP_BACK_MS,
  newId,
  timeOfId,
} from './sortable-id';

const EPOCH_MS = 1_400_000_000_000;
const LAST_MS = EPOCH_MS + 2 ** 32 * 1000 - 1;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LARGEST_PAYLOAD = 2n ** 160n - 1n;

const prefixes = fc.constantFrom(...ID_PREFIXES);
const instants = fc.integer({ min: EPOCH_MS, max: LAST_MS });
const payloads = fc.uint8Array({ minLength: 20, maxLength: 20 });

// Ids of one prefix are ordered within the process, so every test of newId starts later than all before it.
let laterMs = Date.UTC(2026, 0, 1);
function aLaterTime(): number {
  laterMs += 1_000_000;
  return laterMs;
}

function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const buffer = Buffer.from(bytes);
  return Uint32Array.from([0, 4, 8, 12, 16], (at) => buffer.readUInt32BE(at));
}

/** Base62 by plain long division, as an independent check of the word-wise one. */
function base62OfBigInt(value: bigint): string {
  let text = '';
  for (let rest = value; text.length < 27; rest /= 62n) {
    text = DIGITS.charAt(Number(rest % 62n)) + text;
  }
  return text;
}

describe('payload text', () => {
  it('agrees with the published KSUID example', () => {
    const raw = Buffer.from('0669F7EFB5A1CD34B5F99D1154FB6853345C9735', 'hex');
    expect(encodePayload(wordsOf(raw))).toBe('0ujtsYcgvSTl8PAuAdqWYSMnLOv');
    expect(decodePayload('0ujtsYcgvSTl8PAuAdqWYSMnLOv')).toEqual(wordsOf(raw));
  });

  it('agrees with arithmetic on big integers, both ways', () => {
    fc.assert(
      fc.property(payloads, (bytes) => {
        const text = base62OfBigInt(BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
        expect(encodePayload(wordsOf(bytes))).toBe(text);
        expect(decodePayload(text)).toEqual(wordsOf(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  it('encodes the extremes', () => {
    const largest = new Uint32Array(5).fill(0xffffffff);
    expect(encodePayload(new Uint32Array(5))).toBe('0'.repeat(27));
    expect(encodePayload(largest)).toBe(base62OfBigInt(LARGEST_PAYLOAD));
    expect(decodePayload(base62OfBigInt(LARGEST_PAYLOAD))).toEqual(largest);
  });

  it('sorts as the bytes do', () => {
    fc.assert(
      fc.property(payloads, payloads, (a, b) => {
        const order = byteOrder(encodePayload(wordsOf(a)), encodePayload(wordsOf(b)));
        expect(order).toBe(Buffer.compare(a, b));
      }),
    );
  });

  it('counts up with a carry into every byte', () => {
    const trailingOnes = fc.nat({ max: 20 });
    fc.assert(
      fc.property(payloads, trailingOnes, (bytes, ones) => {
        const payload = wordsOf(Uint8Array.from(bytes, (byte, at) => (at < 20 - ones ? byte : 255)));
        const value = BigInt(`0x${Buffer.from(bytes.subarray(0, 20 - ones)).toString('hex')}${'ff'.repeat(ones)}`);
        incrementPayload(payload);
        expect(encodePayload(payload)).toBe(base62OfBigInt((value + 1n) % (LARGEST_PAYLOAD + 1n)));
      }),
      { examples: [[new Uint8Array(20).fill(255), 20]] },
    );
  });

  it('refuses numbers above 20 bytes', () => {
    const tooLarge = fc.bigInt({ min: LARGEST_PAYLOAD + 1n, max: 62n ** 27n - 1n });
    fc.assert(
      fc.property(tooLarge, (value) => {
        expect(decodePayload(base62OfBigInt(value))).toBeUndefined();
        expect(isPayloadText(base62OfBigInt(value))).toBe(false);
      }),
      { examples: [[LARGEST_PAYLOAD + 1n], [62n ** 27n - 1n]] },
    );
  });
});

describe('newId', () => {
  it('has the lengths of the ids of Svix', () => {
    const now = aLaterTime();
    expect(newId('app', now)).toMatch(/^app_[0-9A-Za-z]{27}$/);
    expect(newId('ep', now)).toHaveLength(30);
    expect(newId('msg', now)).toHaveLength(31);
    expect(newId('atmpt', now)).toHaveLength(33);
  });

  it.each(ID_PREFIXES)('makes %s ids that are valid and tell their time', (prefix) => {
    const now = aLaterTime() + 7;
    const id = newId(prefix, now);
    expect(isId(prefix, id)).toBe(true);
    expect(timeOfId(id)).toBe(now - 3);
  });

  it('is strictly increasing inside one tick', () => {
    const now = aLaterTime();
    const ids = Array.from({ length: 10_000 }, () => newId('msg', now));
    expect(ids.every((id, index) => index === 0 || byteOrder(ids[index - 1]!, id) < 0)).toBe(true);
    expect(new Set(ids.map(timeOfId))).toEqual(new Set([now]));
  });

  it('is strictly increasing for any clock that steps back only a little, and between the bounds of its time', () => {
    const steps = fc.array(fc.integer({ min: -2_000, max: 2_500 }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(prefixes, steps, (prefix, offsets) => {
        let now = aLaterTime();
        let last = newId(prefix, now);
        for (const offset of offsets) {
          now += offset;
          const id = newId(prefix, now);
          expect(byteOrder(last, id)).toBe(-1);
          expect(timeOfId(id)).toBe(Math.max(timeOfId(last), Math.floor(now / 4) * 4));
          expect(byteOrder(firstIdAt(prefix, timeOfId(id)), id)).toBe(-1);
          expect(byteOrder(id, lastIdAt(prefix, timeOfId(id)))).toBe(-1);
          last = id;
        }
      }),
    );
  });

  it('keeps the later time for a small step of the clock and follows a large one', () => {
    const now = aLaterTime();
    const before = newId('req', now);
    expect(timeOfId(newId('req', now - MAX_CLOCK_STEP_BACK_MS))).toBe(timeOfId(before));
    expect(timeOfId(newId('req', now - MAX_CLOCK_STEP_BACK_MS - 4))).toBe(now - MAX_CLOCK_STEP_BACK_MS - 4);
  });

  it('draws new random bytes for each tick', () => {
    const start = aLaterTime();
    const random = Array.from({ length: 2_000 }, (_, tick) => newId('ep', start + tick * 4).slice(-20));
    expect(new Set(random).size).toBe(random.length);
  });

  it('refuses times that ids cannot express', () => {
    for (const ms of [EPOCH_MS - 1, LAST_MS + 1, NaN, Infinity, -Infinity]) {
      expect(() => newId('qtask', ms)).toThrow(RangeError);
    }
    expect(timeOfId(newId('qtask', EPOCH_MS))).toBe(EPOCH_MS);
    expect(timeOfId(newId('qtask', LAST_MS))).toBe(LAST_MS - 3);
  });
});

describe('firstIdAt and lastIdAt', () => {
  it('frame the ids of their 4 ms and are ordered like their times', () => {
    fc.assert(
      fc.property(prefixes, instants, instants, (prefix, one, other) => {
        const [early, late] = [Math.min(one, other), Math.max(one, other)];
        expect(timeOfId(firstIdAt(prefix, early))).toBe(Math.floor(early / 4) * 4);
        expect(timeOfId(lastIdAt(prefix, early))).toBe(Math.floor(early / 4) * 4);
        expect(byteOrder(firstIdAt(prefix, early), lastIdAt(prefix, early))).toBe(-1);
        if (Math.floor(early / 4) < Math.floor(late / 4)) {
          expect(byteOrder(lastIdAt(prefix, early), firstIdAt(prefix, late))).toBe(-1);
        }
      }),
    );
  });

  it('leave no id between the last of one tick and the first of the next', () => {
    fc.assert(
      fc.property(instants, (ms) => {
        const last = decodePayload(lastIdAt('msg', ms).slice(4))!;
        const first = decodePayload(firstIdAt('msg', ms).slice(4))!;
        expect([...last].slice(2)).toEqual([0xffffffff, 0xffffffff, 0xffffffff]);
        expect(last[1]! & 0xffffff).toBe(0xffffff);
        expect([...first].slice(2)).toEqual([0, 0, 0]);
        expect(first[1]! & 0xffffff).toBe(0);
        expect([first[0], first[1]! >>> 24]).toEqual([last[0], last[1]! >>> 24]);
      }),
    );
  });

  it.each([EPOCH_MS - 1, -1e18, -Infinity])('give the smallest id of all for %p', (ms) => {
    expect(firstIdAt('msg', ms)).toBe(`msg_${'0'.repeat(27)}`);
    expect(lastIdAt('msg', ms)).toBe(`msg_${'0'.repeat(27)}`);
  });

  it.each([LAST_MS + 1, 1e18, Infinity])('give the largest id of all for %p', (ms) => {
    const largest = `msg_${base62OfBigInt(LARGEST_PAYLOAD)}`;
    expect(firstIdAt('msg', ms)).toBe(largest);
    expect(lastIdAt('msg', ms)).toBe(largest);
  });

  it('refuse a time that is no number', () => {
    expect(() => firstIdAt('msg', NaN)).toThrow(RangeError);
    expect(() => lastIdAt('msg', NaN)).toThrow(RangeError);
  });
});

describe('isId and timeOfId', () => {
  const id = newId('msg', Date.UTC(2025, 0, 1));

  it.each<[IdPrefix, string]>([
    ['app', id],
    ['msg', ''],
    ['msg', 'msg_'],
    ['msg', id.slice(0, -1)],
    ['msg', `${id}0`],
    ['msg', ` ${id}`],
    ['msg', `${id.slice(0, -1)}\n`],
    ['msg', `${id.slice(0, -1)}_`],
    ['msg', `${id.slice(0, -1)}\u0100`],
    ['msg', id.replace('_', '-')],
    ['msg', `msg_${'z'.repeat(27)}`],
    ['msg', `MSG_${id.slice(4)}`],
  ])('say that no %s id is %p', (prefix, text) => {
    expect(isId(prefix, text)).toBe(false);
  });

  it.each(['', 'msg', 'msg_', '_', id.slice(4), `_${id.slice(4)}`, `evil_${id.slice(4)}`, `msg_${'z'.repeat(27)}`])(
    'find no time in %p',
    (text) => {
      expect(() => timeOfId(text)).toThrow(RangeError);
    },
  );

  it('counts a fifth byte that no 4 ms clock writes as the end of its second', () => {
    expect(timeOfId(`org_${encodePayload(Uint32Array.from([1, 0xfa000000, 0, 0, 0]))}`)).toBe(EPOCH_MS + 1996);
  });

  it('agree with each other on any text', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.stringMatching(/^msg_[0-9A-Za-z]{27}$/),
      fc.stringMatching(/^msg_\w{26,28}$/),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const time = (): number => timeOfId(text);
        if (ID_PREFIXES.some((prefix) => isId(prefix, text))) {
          expect(time()).toBeGreaterThanOrEqual(EPOCH_MS);
        } else {
          expect(time).toThrow(RangeError);
        }
      }),
    );
  });
});
