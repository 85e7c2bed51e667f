import { ValidateBy } from 'class-validator';
import { isStorableText } from '@/infra/http/validators';

const MAX_URL_LENGTH = 65_536;
const MAX_HOST_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;

/** The URL of an endpoint: http or https, and such that a request to it can be tried at all. */
export function IsEndpointUrl(): PropertyDecorator {
  return ValidateBy({
    name: 'isEndpointUrl',
    validator: {
      validate: (value) => typeof value === 'string' && problemOfUrl(value) === undefined,
      defaultMessage: (args) =>
        (typeof args?.value === 'string' ? problemOfUrl(args.value) : undefined) ?? 'Expected an http or https URL.',
    },
  });
}

/** The URL as it is stored: host in lower case, path never empty. The text must have passed `IsEndpointUrl`. */
export function normalizeUrl(text: string): string {
  return new URL(text).href;
}

function problemOfUrl(text: string): string | undefined {
  if (text.length > MAX_URL_LENGTH) {
    return `Expected a URL of at most ${MAX_URL_LENGTH} characters.`;
  }
  // URL drops NUL, line ends and lone surrogates or replaces them; such a text was not meant as a URL.
  if (!isStorableText(text) || !URL.canParse(text)) {
    return 'Expected an http or https URL.';
  }
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return 'Expected an http or https URL.';
  }
  if (url.href.length > MAX_URL_LENGTH) {
    return `Expected a URL of at most ${MAX_URL_LENGTH} characters once special characters are escaped.`;
  }
  if (url.port === '0') {
    return 'Nothing can be sent to port 0.';
  }
  return isResolvableHost(url.hostname) ? undefined : 'The host of the URL cannot be a name on the internet.';
}

/** True unless the domain name system could never hold the name. IP literals pass. */
function isResolvableHost(hostname: string): boolean {
  if (hostname.startsWith('[')) {
    return true;
  }
  const name = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  return (
    name.length <= MAX_HOST_LENGTH &&
    name.split('.').every((label) => label.length >= 1 && label.length <= MAX_LABEL_LENGTH)
  );
}
