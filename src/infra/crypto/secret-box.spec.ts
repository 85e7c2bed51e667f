import fc from 'fast-check';
import { loadConfig } from '@/infra/config/config';
import { SecretBox } from './secret-box';

const boxOf = (mainSecret: string): SecretBox => new SecretBox(loadConfig({ MAIN_SECRET: mainSecret }));

describe('SecretBox', () => {
  const box = boxOf('the secret of this test');

  it('opens what it sealed, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(box.open(box.seal(text))).toBe(text);
      }),
    );
    expect(boxOf('the secret of this test').open(box.seal('after a restart'))).toBe('after a restart');
  });

  it('shows nothing of the text, and seals the same text differently each time', () => {
    const [first, second] = [box.seal('whsec_secret'), box.seal('whsec_secret')];

    expect(first.includes('whsec')).toBe(false);
    expect(first.equals(second)).toBe(false);
  });

  it('says which secret is wrong when the box is of another one', () => {
    expect(() => boxOf('another secret of this test').open(box.seal('text'))).toThrow(/MAIN_SECRET/);
  });

  it('opens no box in which a bit was changed or cut off', () => {
    const sealed = box.seal('text');
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => box.open(changed)).toThrow();
      expect(() => box.open(sealed.subarray(0, at))).toThrow();
    }
  });
});
