import { inspect } from 'node:util';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import {
  generateSecret,
  InvalidSecretError,
  parseSecret,
  parseVerificationKey,
  publicForm,
  serializeSecret,
  type SignatureType,
  signWebhook,
  type VerificationFailure,
  verifyWebhook,
  type VerifyWebhookInput,
  WebhookVerificationError,
} from './webhook-signing';

// Published vectors of Standard Webhooks and of the Svix server.
const HMAC_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const HMAC_SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
const ED_SECRET = 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
const ED_PUBLIC = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=';
const ED_SIGNATURE = 'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==';
const WRONG_V1 = 'v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=';
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const TIMESTAMP = 1614265330;
const BODY = Buffer.from('{"test": 2432232314}');

function sign(...secrets: string[]): string {
  return signWebhook({ id: ID, timestampSeconds: TIMESTAMP, body: BODY, secrets: secrets.map(parseSecret) });
}

function headersOf(signature: string, brand = 'webhook'): Record<string, string> {
  return { [`${brand}-id`]: ID, [`${brand}-timestamp`]: String(TIMESTAMP), [`${brand}-signature`]: signature };
}

function verify(change: Partial<VerifyWebhookInput>, key = HMAC_SECRET): void {
  verifyWebhook({
    body: BODY,
    headers: headersOf(HMAC_SIGNATURE),
    keys: [parseVerificationKey(key)],
    nowSeconds: TIMESTAMP,
    ...change,
  });
}

function failureOf(change: Partial<VerifyWebhookInput>, key = HMAC_SECRET): VerificationFailure | undefined {
  try {
    verify(change, key);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(WebhookVerificationError);
    return (error as WebhookVerificationError).reason;
  }
}

function withoutHeader(name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headersOf(HMAC_SIGNATURE)).filter(([key]) => key !== name));
}

describe('signWebhook', () => {
  it('gives the published v1 signature', () => {
    expect(sign(HMAC_SECRET)).toBe(HMAC_SIGNATURE);
  });

  it('gives the published v1a signature', () => {
    expect(sign(ED_SECRET)).toBe(ED_SIGNATURE);
  });

  it('lists the signatures in the order of the secrets', () => {
    expect(sign(ED_SECRET, HMAC_SECRET)).toBe(`${ED_SIGNATURE} ${HMAC_SIGNATURE}`);
    expect(sign(HMAC_SECRET, ED_SECRET)).toBe(`${HMAC_SIGNATURE} ${ED_SIGNATURE}`);
  });

  it.each([161426533.5, -161426533, NaN, Infinity, 'invalid timestamp' as unknown as number])(
    'refuses the timestamp %p',
    (timestampSeconds) => {
      const secrets = [parseSecret(HMAC_SECRET)];
      expect(() => signWebhook({ id: ID, timestampSeconds, body: BODY, secrets })).toThrow(RangeError);
    },
  );

  it.each(['', 'msg.1', '.'])('refuses the id %p', (id) => {
    const secrets = [parseSecret(HMAC_SECRET)];
    expect(() => signWebhook({ id, timestampSeconds: TIMESTAMP, body: BODY, secrets })).toThrow(RangeError);
  });

  it('refuses to sign with no secret', () => {
    expect(() => signWebhook({ id: ID, timestampSeconds: TIMESTAMP, body: BODY, secrets: [] })).toThrow(RangeError);
  });

  it('agrees with the reference library on any text, id and key', () => {
    const keys = fc.uint8Array({ minLength: 24, maxLength: 75 });
    const texts = fc.string({ unit: 'grapheme', maxLength: 200 });
    fc.assert(
      fc.property(keys, fc.stringMatching(/^[\w-]{1,40}$/), fc.nat({ max: 4e9 }), texts, (key, id, seconds, text) => {
        const secret = `whsec_${Buffer.from(key).toString('base64')}`;
        const body = Buffer.from(text);
        const ours = signWebhook({ id, timestampSeconds: seconds, body, secrets: [parseSecret(secret)] });
        expect(ours).toBe(new Webhook(secret).sign(id, new Date(seconds * 1000), text));
      }),
    );
  });

  it('makes webhooks that the reference library accepts', () => {
    const now = Math.floor(Date.now() / 1000);
    const secrets = [parseSecret(ED_SECRET), parseSecret(HMAC_SECRET)];
    const signature = signWebhook({ id: ID, timestampSeconds: now, body: BODY, secrets });
    const headers = { 'webhook-id': ID, 'webhook-timestamp': String(now), 'webhook-signature': signature };
    expect(new Webhook(HMAC_SECRET).verify(BODY, headers)).toEqual({ test: 2432232314 });
  });
});

describe('verifyWebhook', () => {
  it.each(['webhook', 'svix'])('accepts %s headers', (brand) => {
    expect(failureOf({ headers: headersOf(HMAC_SIGNATURE, brand) })).toBeUndefined();
  });

  it('accepts header names in any letter case and values in arrays', () => {
    const headers = { 'Webhook-ID': [ID], 'Webhook-Timestamp': `${TIMESTAMP}`, 'Webhook-Signature': [HMAC_SIGNATURE] };
    expect(failureOf({ headers })).toBeUndefined();
  });

  it.each([ED_SECRET, ED_PUBLIC])('accepts a v1a signature with %s', (key) => {
    expect(failureOf({ headers: headersOf(ED_SIGNATURE) }, key)).toBeUndefined();
  });

  it('accepts an HMAC secret without its prefix', () => {
    expect(failureOf({}, HMAC_SECRET.slice('whsec_'.length))).toBeUndefined();
  });

  it.each(['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr'])(
    'takes the unpadded secret %s for the padded one',
    (unpadded) => {
      const padded = unpadded.padEnd(Math.ceil(unpadded.length / 4) * 4, '=');
      const signature = `v1,${referenceSignature(padded)}`;
      expect(failureOf({ headers: headersOf(signature) }, unpadded)).toBeUndefined();
      expect(failureOf({ headers: headersOf(signature) }, `whsec_${unpadded}`)).toBeUndefined();
    },
  );

  it('skips wrong signatures and unknown versions before the right one', () => {
    const signature = [WRONG_V1, WRONG_V1.replace('v1', 'v2'), 'v3', ED_SIGNATURE, HMAC_SIGNATURE].join(' ');
    expect(failureOf({ headers: headersOf(signature) })).toBeUndefined();
  });

  it('accepts when any of several keys matches', () => {
    const keys = [generateSecret('hmac256'), ED_PUBLIC, HMAC_SECRET].map(parseVerificationKey);
    expect(failureOf({ keys })).toBeUndefined();
    expect(failureOf({ keys: keys.slice(0, 2) })).toBe('no_matching_signature');
    expect(failureOf({ keys: [] })).toBe('no_matching_signature');
  });

  it.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])('names a missing %s', (name) => {
    expect(failureOf({ headers: withoutHeader(name) })).toBe('missing_header');
    expect(failureOf({ headers: { ...headersOf(HMAC_SIGNATURE), [name]: '' } })).toBe('missing_header');
    expect(failureOf({ headers: { ...headersOf(HMAC_SIGNATURE), [name]: undefined } })).toBe('missing_header');
  });

  it('never mixes headers of the two brands', () => {
    const headers = { ...withoutHeader('webhook-id'), 'svix-id': ID };
    expect(failureOf({ headers })).toBe('missing_header');
  });

  it.each(['hello', '-1', '1614265330.0', '1e9', ' 1614265330', '9'.repeat(16), '0x10'])(
    'refuses the timestamp %p',
    (timestamp) => {
      const headers = { ...headersOf(HMAC_SIGNATURE), 'webhook-timestamp': timestamp };
      expect(failureOf({ headers })).toBe('invalid_timestamp');
    },
  );

  it('refuses timestamps just outside the tolerance only', () => {
    expect(failureOf({ nowSeconds: TIMESTAMP + 300 })).toBeUndefined();
    expect(failureOf({ nowSeconds: TIMESTAMP - 300 })).toBeUndefined();
    expect(failureOf({ nowSeconds: TIMESTAMP + 301 })).toBe('timestamp_too_old');
    expect(failureOf({ nowSeconds: TIMESTAMP - 301 })).toBe('timestamp_too_new');
    expect(failureOf({ nowSeconds: TIMESTAMP + 301, toleranceSeconds: 301 })).toBeUndefined();
  });

  it.each([{ nowSeconds: NaN }, { toleranceSeconds: NaN }, { toleranceSeconds: Infinity }])(
    'refuses to compare times with %p',
    (change) => {
      expect(() => verify(change)).toThrow(RangeError);
    },
  );

  it.each([
    'v1,dawfeoifkpqwoekfpqoekf',
    'v1,',
    'v1',
    ',',
    '  ',
    HMAC_SIGNATURE.slice(0, 8),
    HMAC_SIGNATURE.replace('v1', 'v1a'),
    HMAC_SIGNATURE.replace('v1,', 'v2,'),
    HMAC_SIGNATURE.replace('=', ''),
    `v1,${'\u00e9'.repeat(44)}`,
    WRONG_V1,
  ])('refuses the signature %p', (signature) => {
    expect(failureOf({ headers: headersOf(signature) })).toBe('no_matching_signature');
  });

  it.each(['v1a,AAAA', 'v1a,', ED_SIGNATURE.replace('v1a', 'v1'), ED_SIGNATURE.replace('hnO3', 'hnO4')])(
    'refuses the ed25519 signature %p',
    (signature) => {
      expect(failureOf({ headers: headersOf(signature) }, ED_PUBLIC)).toBe('no_matching_signature');
    },
  );

  it('refuses an id with a full stop', () => {
    const headers = { ...headersOf(HMAC_SIGNATURE), 'webhook-id': 'msg.1' };
    expect(failureOf({ headers })).toBe('invalid_id');
  });

  it('looks at a bounded number of signatures', () => {
    expect(failureOf({ headers: headersOf(`${`${WRONG_V1} `.repeat(31)}${HMAC_SIGNATURE}`) })).toBeUndefined();
    expect(failureOf({ headers: headersOf(`${`${WRONG_V1} `.repeat(32)}${HMAC_SIGNATURE}`) })).toBe(
      'no_matching_signature',
    );
  });

  it('accepts whatever was signed, as raw bytes, and nothing else', () => {
    const types = fc.array(fc.constantFrom<SignatureType>('hmac256', 'ed25519'), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), types, fc.nat(), (bytes, kinds, flip) => {
        const secrets = kinds.map((kind) => parseSecret(generateSecret(kind)));
        const body = Buffer.from(bytes);
        const headers = headersOf(signWebhook({ id: ID, timestampSeconds: TIMESTAMP, body, secrets }));
        const keys = secrets.map((secret) => parseVerificationKey(publicForm(secret)));
        keys.forEach((key) => expect(failureOf({ body, headers, keys: [key] })).toBeUndefined());

        const changed = Buffer.concat([body, Buffer.from('x')]);
        changed[flip % changed.length]! ^= 1;
        expect(failureOf({ body: changed, headers, keys })).toBe('no_matching_signature');
      }),
      { numRuns: 50 },
    );
  });

  it('answers with a reason, whatever the headers are', () => {
    const name = fc.constantFrom('webhook-id', 'webhook-timestamp', 'webhook-signature', 'svix-id', 'svix-timestamp');
    const value = fc.oneof(fc.string(), fc.constant(String(TIMESTAMP)), fc.array(fc.string(), { maxLength: 3 }));
    fc.assert(
      fc.property(fc.dictionary(name, value), (headers) => {
        expect(failureOf({ headers })).toMatch(/^[a-z_]+$/);
      }),
    );
  });
});

describe('parseSecret', () => {
  it('keeps the text and tells the public form', () => {
    expect(serializeSecret(parseSecret(HMAC_SECRET))).toBe(HMAC_SECRET);
    expect(serializeSecret(parseSecret(ED_SECRET))).toBe(ED_SECRET);
    expect(publicForm(parseSecret(HMAC_SECRET))).toBe(HMAC_SECRET);
    expect(publicForm(parseSecret(ED_SECRET))).toBe(ED_PUBLIC);
  });

  it.each([24, 75])('accepts %i key bytes, padded or not', (length) => {
    const text = `whsec_${Buffer.alloc(length, 7).toString('base64')}`;
    expect(sign(text)).toBe(sign(text.replace(/=+$/, '')));
  });

  it.each([
    ['', /must start with/],
    ['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', /must start with/],
    ['WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', /must start with/],
    ['whsec_', /24 to 75 bytes, not 0/],
    [`whsec_${Buffer.alloc(23).toString('base64')}`, /24 to 75 bytes, not 23/],
    [`whsec_${Buffer.alloc(76).toString('base64')}`, /24 to 75 bytes, not 76/],
    [`whsec_${'A'.repeat(100_000)}`, /longer than/],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_', /not base64/],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n', /not base64/],
    ['whsec_MfKQ9r8GKYqr TwjUPD8ILPZIo2LaLaSw', /not base64/],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=', /not base64/],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwB', /not base64/],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBB=', /not base64/],
    ['whsec_MfKQ=r8GKYqrTwjUPD8ILPZIo2LaLaSw', /not base64/],
    [ED_PUBLIC, /public and cannot sign/],
    [`whsk_${Buffer.alloc(63).toString('base64')}`, /64 bytes, not 63/],
    [`whsk_${Buffer.alloc(64).toString('base64')}`, /does not belong/],
  ])('refuses %p', (text, reason) => {
    expect(() => parseSecret(text)).toThrow(InvalidSecretError);
    expect(() => parseSecret(text)).toThrow(reason);
  });

  it('never puts the secret into the error message', () => {
    const ending = fc.constantFrom('', '=', '===', '!', '\n');
    const prefix = fc.constantFrom('whsec_', 'whsk_', 'whpk_', 'x_');
    fc.assert(
      fc.property(prefix, fc.stringMatching(/^[A-Za-z0-9+/]{8,22}$/), ending, (start, key, end) => {
        const attempt = (): unknown => parseSecret(start + key + end);
        expect(attempt).toThrow(InvalidSecretError);
        expect(attempt).not.toThrow(key);
      }),
    );
  });

  it('does not show the secret when it is printed or serialised', () => {
    for (const text of [HMAC_SECRET, ED_SECRET]) {
      const key = text.slice(text.indexOf('_') + 1);
      expect(inspect(parseSecret(text), { depth: 10, showHidden: true })).not.toContain(key);
      expect(JSON.stringify(parseSecret(text))).not.toContain(key);
    }
  });
});

describe('parseVerificationKey', () => {
  it.each(['', 'whsec_', 'whsec_***', 'whpk_', `whpk_${Buffer.alloc(31).toString('base64')}`, 'whsk_AAAA'])(
    'refuses %p',
    (text) => {
      expect(() => parseVerificationKey(text)).toThrow(InvalidSecretError);
    },
  );
});

describe('generateSecret', () => {
  it.each<[SignatureType, RegExp]>([
    ['hmac256', /^whsec_[A-Za-z0-9+/]{32}$/],
    ['ed25519', /^whsk_[A-Za-z0-9+/]{86}==$/],
  ])('makes new %s secrets that parse', (type, shape) => {
    const texts = [generateSecret(type), generateSecret(type)];
    expect(new Set(texts).size).toBe(2);
    for (const text of texts) {
      expect(text).toMatch(shape);
      expect(parseSecret(text).type).toBe(type);
    }
  });
});

/** The signature of the sample by the reference library, which takes short keys too. */
function referenceSignature(secret: string): string {
  return new Webhook(secret).sign(ID, new Date(TIMESTAMP * 1000), BODY).slice('v1,'.length);
}
