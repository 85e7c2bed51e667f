import fc from 'fast-check';
import { parseQueryString } from './query-string';

describe('parseQueryString', () => {
  it.each([
    ['', {}],
    ['a=1', { a: '1' }],
    ['a=', { a: '' }],
    ['a', { a: '' }],
    ['a=1&a=2', { a: ['1', '2'] }],
    ['a[]=1', { a: ['1'] }],
    ['a[]=1&a[]=2', { a: ['1', '2'] }],
    ['a[0]=1&a[1]=2', { a: ['1', '2'] }],
    ['a%5B%5D=1', { a: ['1'] }],
    ['a=1&a[]=2', { a: ['1', '2'] }],
    ['a[b]=1', { 'a[b]': '1' }],
    ['a=1,2', { a: '1,2' }],
    ['a=%C3%A9+b%20c', { a: 'é b c' }],
    ['a=b=c', { a: 'b=c' }],
  ])('reads %s', (text, expected) => {
    expect({ ...parseQueryString(text) }).toEqual(expected);
  });

  it('takes names of the prototype as names', () => {
    const query = parseQueryString('__proto__=1&constructor=2&toString[]=3');

    expect(Object.keys(query).sort()).toEqual(['__proto__', 'constructor', 'toString']);
    expect(Object.getPrototypeOf(query)).toBeNull();
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
  });

  it('never throws, and gives texts and lists of texts only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const value of Object.values(parseQueryString(text))) {
          expect([value].flat().every((item) => typeof item === 'string')).toBe(true);
        }
      }),
      { examples: [['%'], ['%ED%A0%80=%'], ['&&=&'], ['[]=1']] },
    );
  });
});
