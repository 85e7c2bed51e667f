import { validateSync } from 'class-validator';
import fc from 'fast-check';
import { IsEndpointUrl, normalizeUrl } from './endpoint-url';

class Sample {
  @IsEndpointUrl()
  url: unknown;
}

function isAccepted(url: unknown): boolean {
  return validateSync(Object.assign(new Sample(), { url })).length === 0;
}

describe('the URL of an endpoint', () => {
  it.each([
    'https://example.com',
    'http://user:pa%40ss@example.com:8080/hook?a=b#c',
    'http://[2001:db8::1]/',
    'http://127.1/',
    'https://xn--bcher-kva.example/',
    'https://bücher.example/',
    'https://absolute.example./',
    'https://under_score.example/',
    `https://${'a'.repeat(63)}.example/`,
    `https://example.com/${'a'.repeat(65_536 - 20)}`,
  ])('can be %.60s', (url) => {
    expect(isAccepted(url)).toBe(true);
  });

  it.each([
    undefined,
    null,
    5,
    '',
    'example.com',
    '//example.com/',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'https://',
    'https://example.com:0/',
    'https://example.com:65536/',
    'https://a b.example/',
    'https://.example/',
    'https://a..example/',
    'https://example.com/\ud800',
    `https://${'a'.repeat(64)}.example/`,
    `https://${'a.'.repeat(130)}example/`,
    `https://example.com/${'a'.repeat(65_536 - 19)}`,
  ])('cannot be %.60s', (url) => {
    expect(isAccepted(url)).toBe(false);
  });

  it('is stored in a form that is accepted and stays the same', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (url) => {
        const normal = normalizeUrl(url);
        return isAccepted(normal) && normalizeUrl(normal) === normal;
      }),
    );
  });
});
