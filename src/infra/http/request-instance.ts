import { type Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { resolveOlderNames } from './older-name';

/**
 * Makes the request class of a parsed body or query, older names resolved. JSON objects inside are handed over as they
 * are: class-transformer would copy them, overflow the stack on deep nesting and trip over keys such as `constructor`.
 */
export function toRequestInstance<T>(type: Type<T>, input: Record<string, unknown>): T {
  const entries = Object.entries(resolveOlderNames(type, input));
  const flat = Object.fromEntries(entries.filter(([, value]) => isFlat(value)));
  const instance = plainToInstance(type, flat, { exposeDefaultValues: true });
  for (const [key, value] of entries) {
    if (!isFlat(value) && isDeclared(type, key)) {
      Object.assign(instance as object, { [key]: value });
    }
  }
  return instance;
}

/** Every field with a decorator has a type on record; objects under other keys are dropped, `__proto__` among them. */
function isDeclared(type: Type, key: string): boolean {
  return Reflect.hasMetadata('design:type', type.prototype as object, key);
}

/** A primitive, or a list of them. */
function isFlat(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isPrimitive) : isPrimitive(value);
}

function isPrimitive(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}
