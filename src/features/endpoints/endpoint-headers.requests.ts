import { ArrayMaxSize, IsArray, IsString, ValidateIf } from 'class-validator';
import { Nullable } from '@/infra/http/validators';
import { IsHeaderMap } from './header-rules';

/** All extra headers of an endpoint. */
export class EndpointHeadersIn {
  /**
   * Values of at most 4096 bytes by name, at most 100; case makes no difference in names.
   * @example { "X-Example": "123" }
   */
  @IsHeaderMap({ allowsNull: false })
  headers: Record<string, string>;
}

/** Changes of the extra headers; those not named stay. */
export class EndpointHeadersPatchIn {
  /**
   * Values of at most 4096 bytes by name; null removes a header.
   * @example { "X-Example": "123", "X-Old": null }
   */
  @ValidateIf((body: EndpointHeadersPatchIn) => body.headers !== undefined || !body.deleteHeaders)
  @IsHeaderMap({ allowsNull: true })
  headers?: Record<string, string | null>;

  /**
   * Names of headers to remove.
   * @example ["X-Old"]
   */
  @Nullable()
  @IsArray({ message: 'Expected a list of texts.' })
  @ArrayMaxSize(1000, { message: 'Expected at most 1000 entries.' })
  @IsString({ each: true, message: 'Expected a list of texts.' })
  deleteHeaders?: string[] | null;
}
