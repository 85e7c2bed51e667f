import { type ApiPropertyOptions } from '@nestjs/swagger';

/** Where the generator looks for what is known about a field; it exports no name for it. */
const FIELD_METADATA = 'swagger/apiModelProperties';

/**
 * Adds to the OpenAPI schema of a field what its TypeScript type and its comment do not say. Unlike `ApiProperty` it
 * leaves the field in its place, so that the document shows the fields in the order of the class.
 */
export function Schema(facets: ApiPropertyOptions): PropertyDecorator {
  return (target, key) => {
    const earlier = Reflect.getMetadata(FIELD_METADATA, target, key) as object | undefined;
    Reflect.defineMetadata(FIELD_METADATA, { ...earlier, ...facets }, target, key);
  };
}
