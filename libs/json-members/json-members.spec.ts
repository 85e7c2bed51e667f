import fc from 'fast-check';
import { DuplicateMemberError, findMembers } from './json-members';

function slices(text: string): Record<string, string> {
  return Object.fromEntries([...findMembers(text)].map(([name, { start, end }]) => [name, text.slice(start, end)]));
}

describe('findMembers', () => {
  it('gives the exact text of every value', () => {
    const text = ' { "a" : {"z": 1.0, "b":[ "}" , "\\"" ]} , "n":1e400,"s" : "x\\\\", "t":true , "last":null } ';
    expect(slices(text)).toEqual({
      a: '{"z": 1.0, "b":[ "}" , "\\"" ]}',
      n: '1e400',
      s: '"x\\\\"',
      t: 'true',
      last: 'null',
    });
  });

  it('decodes escaped names', () => {
    expect(slices('{"p\\u0061yload":1}')).toEqual({ payload: '1' });
  });

  it('finds nothing in an empty object', () => {
    expect(slices('{}')).toEqual({});
  });

  it('refuses a member that is there twice, also when it is spelled differently', () => {
    expect(() => findMembers('{"a":1,"\\u0061":2}')).toThrow(DuplicateMemberError);
  });

  it('takes nesting of any depth', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    expect(slices(`{"payload":${deep}}`)['payload']).toBe(deep);
  });

  it('cuts values that parse to the same as the whole, for any object in any spacing', () => {
    const spaced = fc
      .tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, '\t', ' \n'))
      .map(([object, space]) => JSON.stringify(object, null, space));
    fc.assert(
      fc.property(spaced, (text) => {
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const members = findMembers(text);
        expect([...members.keys()].sort()).toEqual(Object.keys(parsed).sort());
        for (const [name, { start, end }] of members) {
          expect(JSON.stringify(JSON.parse(text.slice(start, end)))).toBe(JSON.stringify(parsed[name]));
        }
      }),
    );
  });
});
