import { isSensitiveHeader } from './header-rules';

/** The extra headers of an endpoint. */
export class EndpointHeadersOut {
  /**
   * Values by name, sensitive ones left out.
   * @example { "X-Example": "123" }
   */
  headers: Record<string, string>;

  /**
   * Names of the headers whose values are not shown, such as Authorization.
   * @example ["Authorization"]
   */
  sensitive: string[];
}

/** The headers as the API shows them. */
export function toEndpointHeadersOut(headers: Readonly<Record<string, string>>): EndpointHeadersOut {
  const entries = Object.entries(headers);
  return {
    headers: Object.fromEntries(entries.filter(([name]) => !isSensitiveHeader(name))),
    sensitive: entries.map(([name]) => name).filter(isSensitiveHeader),
  };
}
