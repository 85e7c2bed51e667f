import { ValidateBy } from 'class-validator';

/** Most extra headers of one endpoint. */
export const MAX_HEADERS = 100;
const MAX_NAME_LENGTH = 256;
const MAX_VALUE_BYTES = 4096;
/** A token of RFC 9110. */
const NAME_PATTERN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What can be sent in a header, without control characters. */
const VALUE_PATTERN = /^[\x20-\x7e\xa0-\xff]*$/;

/** Set by the server itself, or rules of the connection that a customer must not bend. */
const FORBIDDEN_NAMES = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'expect',
  'forwarded',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'via',
  'webhook-id',
  'webhook-signature',
  'webhook-timestamp',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);
const FORBIDDEN_PREFIXES = [
  'svix-',
  'x-svix-',
  'x-amz-',
  'x-amzn-',
  'x-azure-',
  'x-fd-',
  'x-gfe',
  'x-goog-',
  'x-google',
];

const SENSITIVE_NAMES = new Set(['authorization', 'cookie', 'www-authenticate', 'x-api-key', 'x-auth-token']);
const SENSITIVE_PREFIX = 'proxy-';

/** A map of header names to values that a request can carry; with `allowsNull` null marks a header to be removed. */
export function IsHeaderMap(options: { allowsNull: boolean }): PropertyDecorator {
  return ValidateBy({
    name: 'isHeaderMap',
    validator: {
      validate: (value) => problemOfHeaders(value, options.allowsNull) === undefined,
      defaultMessage: (args) => problemOfHeaders(args?.value, options.allowsNull) ?? 'Expected an object of texts.',
    },
  });
}

/** True for headers whose value may be a secret: it is never shown again. */
export function isSensitiveHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return SENSITIVE_NAMES.has(lower) || lower.startsWith(SENSITIVE_PREFIX);
}

function problemOfHeaders(value: unknown, allowsNull: boolean): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return 'Expected an object of texts.';
  }
  const set = Object.entries(value).filter(([, text]) => !(allowsNull && text === null));
  if (set.length > MAX_HEADERS) {
    return `Expected at most ${MAX_HEADERS} headers.`;
  }
  const names = new Set(Object.keys(value).map((name) => name.toLowerCase()));
  if (names.size < Object.keys(value).length) {
    return 'A header is given twice: upper and lower case make no difference in their names.';
  }
  return set.map(([name, text]) => problemOfHeader(name, text)).find((problem) => problem !== undefined);
}

function problemOfHeader(name: string, value: unknown): string | undefined {
  if (name.length > MAX_NAME_LENGTH || !NAME_PATTERN.test(name)) {
    return `${JSON.stringify(name.slice(0, MAX_NAME_LENGTH))} is not the name of a header.`;
  }
  if (isForbiddenName(name.toLowerCase())) {
    return `The header ${name} is set by the server and cannot be chosen.`;
  }
  if (typeof value !== 'string' || !VALUE_PATTERN.test(value)) {
    return `Expected a text of printable Latin-1 characters as the value of ${name}.`;
  }
  return Buffer.byteLength(value) > MAX_VALUE_BYTES
    ? `Expected at most ${MAX_VALUE_BYTES} bytes as the value of ${name}.`
    : undefined;
}

function isForbiddenName(lowerName: string): boolean {
  return FORBIDDEN_NAMES.has(lowerName) || FORBIDDEN_PREFIXES.some((prefix) => lowerName.startsWith(prefix));
}
