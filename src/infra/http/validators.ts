import { applyDecorators } from '@nestjs/common';
import { Schema } from './schema.decorator';
import { Transform } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsInt,
  Max,
  Min,
  registerDecorator,
  ValidateIf,
} from 'class-validator';

/** Texts that Postgres can store: no NUL, and no half of a surrogate pair. */
export function isStorableText(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

/** True when every text inside a JSON value, keys included, can be stored. Bounded depth, so hostile nesting ends in false. */
export function isStorableJson(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') {
    return isStorableText(value);
  }
  if (typeof value !== 'object' || value === null) {
    return true;
  }
  if (depth > 64) {
    return false;
  }
  return Object.entries(value).every(([key, item]) => isStorableText(key) && isStorableJson(item, depth + 1));
}

const NAME_PATTERN = /^[a-zA-Z0-9\-_.]+$/;
/** How the document describes a name. */
const NAME_SCHEMA = { minLength: 1, maxLength: 256, pattern: NAME_PATTERN.source };

/** Names of event types, channels and uids: letters, digits, `-`, `_` and `.`. */
export function isName(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= maxLength && NAME_PATTERN.test(value);
}

function custom(name: string, check: (value: unknown) => boolean, message: string): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: property as string,
      validator: { validate: check, defaultMessage: () => message },
    });
  };
}

/** The field may be left out or null. */
export function Nullable(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined && value !== null);
}

/** The field may be left out, but not null. */
export function Optional(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined);
}

/** A text of bounded length that can be stored and has no control characters below 0x09. */
export function IsText(bounds: { min?: number; max?: number } = {}): PropertyDecorator {
  const { min = 0, max = 65_536 } = bounds;
  return applyDecorators(
    Schema({ minLength: min, maxLength: max }),
    custom(
      'isText',
      (value) =>
        typeof value === 'string' &&
        value.length >= min &&
        value.length <= max &&
        isStorableText(value) &&
        !hasControlCharacters(value),
      `Expected a text of ${min} to ${max} characters without control characters.`,
    ),
  );
}

function hasControlCharacters(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    if (value.charCodeAt(index) <= 8) {
      return true;
    }
  }
  return false;
}

/** A caller's own id; it must not look like one of ours. `idPrefix` is for example `app_`. */
export function IsUid(idPrefix: string): PropertyDecorator {
  return applyDecorators(
    Schema(NAME_SCHEMA),
    custom(
      'isUid',
      (value) => isName(value, 256) && !value.startsWith(idPrefix),
      `Expected 1 to 256 characters of a-z, A-Z, 0-9, "-", "_" and ".", not beginning with "${idPrefix}".`,
    ),
  );
}

/** The name of an event type. */
export function IsEventTypeName(): PropertyDecorator {
  return applyDecorators(
    Schema(NAME_SCHEMA),
    custom(
      'isEventTypeName',
      (value) => isName(value, 256),
      'Expected 1 to 256 characters of a-z, A-Z, 0-9, "-", "_" and ".".',
    ),
  );
}

/** A list of names without duplicates afterwards: event types, channels, tags. */
export function IsNameSet(options: { min: number; max: number; maxLength: number }): PropertyDecorator {
  const { min, max, maxLength } = options;
  return applyDecorators(
    Schema({ minItems: min, maxItems: max }),
    Transform(({ value }: { value: unknown }) => (Array.isArray(value) ? [...new Set<unknown>(value)] : value)),
    IsArray({ message: 'Expected a list of texts.' }),
    ArrayMinSize(min, { message: `Expected at least ${min} entries.` }),
    ArrayMaxSize(max, { message: `Expected at most ${max} entries.` }),
    custom(
      'isNameSet',
      (value) => Array.isArray(value) && value.every((item) => isName(item, maxLength)),
      `Expected entries of 1 to ${maxLength} characters of a-z, A-Z, 0-9, "-", "_" and ".".`,
    ),
  );
}

/** A map of texts of at most 4096 bytes as JSON. */
export function IsMetadata(): PropertyDecorator {
  return custom('isMetadata', isMetadata, 'Expected an object of texts, at most 4096 bytes as JSON.');
}

function isMetadata(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return false;
  }
  const isTexts = Object.entries(value).every(
    ([key, text]) => isStorableText(key) && typeof text === 'string' && isStorableText(text),
  );
  return isTexts && Buffer.byteLength(JSON.stringify(value)) <= 4096;
}

/** Messages a second, 1 to 65535. */
export function IsThrottleRate(): PropertyDecorator {
  return applyDecorators(
    Schema({ type: 'integer', minimum: 1, maximum: 65_535 }),
    IsInt({ message: 'Expected a whole number.' }),
    Min(1, { message: 'Expected at least 1.' }),
    Max(65_535, { message: 'Expected at most 65535.' }),
  );
}

/** True or false, as JSON has them. */
export function IsFlag(): PropertyDecorator {
  return IsBoolean({ message: 'Expected true or false.' });
}
