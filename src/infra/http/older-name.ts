import { ValidationFailedError } from '@/common/app-error';

interface OlderNameRule {
  key: string;
  older: string;
  isExclusive: boolean;
}

const RULES = Symbol('older names of body fields');

/**
 * The field has an older name that clients of earlier generations still send. With `isExclusive` giving both is 422;
 * otherwise the present name wins.
 */
export function OlderName(older: string, options: { isExclusive: boolean }): PropertyDecorator {
  return (target, key) => {
    const earlier = (Reflect.getMetadata(RULES, target) as OlderNameRule[] | undefined) ?? [];
    Reflect.defineMetadata(RULES, [...earlier, { key: String(key), older, ...options }], target);
  };
}

/** The input with older names replaced by the present ones. */
export function resolveOlderNames(
  type: { prototype: unknown },
  input: Record<string, unknown>,
): Record<string, unknown> {
  const rules = Reflect.getMetadata(RULES, type.prototype as object) as OlderNameRule[] | undefined;
  if (rules === undefined) {
    return input;
  }
  const result = { ...input };
  for (const { key, older, isExclusive } of rules) {
    if (input[older] === undefined) {
      continue;
    }
    if (input[key] === undefined) {
      result[key] = input[older];
    } else if (isExclusive) {
      throw ValidationFailedError.of(
        ['body', key],
        `${key} and ${older} are two names of one field; give one of them.`,
      );
    }
  }
  return result;
}
