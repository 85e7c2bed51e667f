import fc from 'fast-check';
import { CappedBody } from './capped-body';

describe('CappedBody', () => {
  it('keeps exactly the first bytes, however they are cut into pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 9_000 }), { maxLength: 8 }),
        fc.nat(20_000),
        (arrays, limit) => {
          const body = new CappedBody(limit);
          const whole = Buffer.concat(arrays);
          const fits = arrays.map((piece) => body.append(Buffer.from(piece)));
          expect(body.toBuffer().equals(whole.subarray(0, limit))).toBe(true);
          expect(body.byteLength).toBe(Math.min(whole.length, limit));
          expect(fits.includes(false)).toBe(whole.length > limit);
        },
      ),
    );
  });
});
