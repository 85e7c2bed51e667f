import { applyDecorators } from '@nestjs/common';
import { Schema } from './schema.decorator';
import { Transform } from 'class-transformer';
import { BadRequestError } from '@/common/app-error';

type Reader<T> = (value: string, name: string) => T;

/** A query field that appears at most once; text that cannot be read is 400, as clients of this API expect. */
function scalar<T>(read: Reader<T>): PropertyDecorator {
  return Transform(({ value, key }: { value: unknown; key: string }) => {
    if (value === undefined || typeof value === 'boolean' || typeof value === 'number' || value instanceof Date) {
      return value;
    }
    if (typeof value !== 'string') {
      throw new BadRequestError(`Query field ${key} must be given once.`);
    }
    return read(value, key);
  });
}

/** A whole number, without sign. */
export function QueryInteger(): PropertyDecorator {
  const read = scalar((value, name) => {
    if (!/^\d{1,9}$/.test(value)) {
      throw new BadRequestError(`Query field ${name} must be a whole number.`);
    }
    return Number(value);
  });
  return applyDecorators(Schema({ type: 'integer' }), read);
}

/** Exactly `true` or `false`. */
export function QueryFlag(): PropertyDecorator {
  return scalar((value, name) => {
    if (value !== 'true' && value !== 'false') {
      throw new BadRequestError(`Query field ${name} must be true or false.`);
    }
    return value === 'true';
  });
}

/** One of a set of words. */
export function QueryChoice(words: readonly string[]): PropertyDecorator {
  const read = scalar((value, name) => {
    if (!words.includes(value)) {
      throw new BadRequestError(`Query field ${name} must be one of ${words.join(', ')}.`);
    }
    return value;
  });
  return applyDecorators(Schema({ type: 'string', enum: words }), read);
}

/** One of a set of numbers. */
export function QueryNumberChoice(numbers: readonly number[]): PropertyDecorator {
  const read = scalar((value, name) => {
    if (!/^\d{1,3}$/.test(value) || !numbers.includes(Number(value))) {
      throw new BadRequestError(`Query field ${name} must be one of ${numbers.join(', ')}.`);
    }
    return Number(value);
  });
  return applyDecorators(Schema({ type: 'integer', enum: numbers }), read);
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

/** Reads an RFC 3339 instant with an offset and up to nine decimals; undefined when it is not one. */
export function parseInstant(value: string): Date | undefined {
  if (!RFC_3339.test(value)) {
    return undefined;
  }
  const date = new Date(
    value
      .replace(/(\.\d{3})\d+/, '$1')
      .replace(' ', 'T')
      .toUpperCase(),
  );
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** An RFC 3339 instant with an offset. */
export function QueryInstant(): PropertyDecorator {
  return scalar((value, name) => {
    const date = parseInstant(value);
    if (date === undefined) {
      throw new BadRequestError(`Query field ${name} must be a time like 2026-01-31T12:00:00Z.`);
    }
    return date;
  });
}

/** A text given once. */
export function QueryText(): PropertyDecorator {
  return scalar((value) => value);
}

/** A list: `a,b`, or the field repeated, also as `a[]`. */
export function QueryList(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    value === undefined
      ? undefined
      : [value].flat().flatMap((item: unknown) => (typeof item === 'string' ? item.split(',') : [item])),
  );
}
