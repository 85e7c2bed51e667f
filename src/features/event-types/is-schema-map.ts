import { ValidateBy } from 'class-validator';
import { isStorableJson } from '@/infra/http/validators';

/** A map of version to JSON Schema; a schema is an object, or true or false. */
export function IsSchemaMap(): PropertyDecorator {
  return ValidateBy({
    name: 'isSchemaMap',
    validator: {
      validate: isSchemaMap,
      defaultMessage: () =>
        'Expected an object of version to JSON Schema, where each schema is an object, true or false, ' +
        'nested at most 64 deep, without NUL characters or lone surrogates.',
    },
  });
}

function isSchemaMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(isSchema) && isStorableJson(value);
}

function isSchema(value: unknown): boolean {
  return typeof value === 'boolean' || isObject(value);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
