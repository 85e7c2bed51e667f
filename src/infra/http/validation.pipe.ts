import { type ArgumentMetadata, Injectable, type PipeTransform, type Type } from '@nestjs/common';
import { validate, type ValidationError } from 'class-validator';
import { DuplicateMemberError, findMembers } from '@libs/json-members/json-members';
import { ValidationFailedError, type ValidationProblem } from '@/common/app-error';
import { bodyTextOf } from './body-text';
import { toRequestInstance } from './request-instance';

const ROOTS = { query: 'query', param: 'path' } as const;

/** Turns bodies and queries into instances of their class and checks them; unknown fields are dropped, wrong ones are 422. */
@Injectable()
export class RequestValidationPipe implements PipeTransform {
  async transform(value: unknown, { type, metatype }: ArgumentMetadata): Promise<unknown> {
    if (metatype === undefined || metatype === Object || metatype === String || type === 'custom') {
      return value;
    }
    return type === 'body'
      ? validateBody(metatype, value, ['body'])
      : validateInput(metatype, value ?? {}, [ROOTS[type]]);
  }
}

/** Checks a JSON object by the decorators of `type`; `path` is where it stands. Throws `ValidationFailedError`. */
export async function validateBody<T>(type: Type<T>, value: unknown, path: string[]): Promise<T> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw ValidationFailedError.of(path, value === undefined ? 'A body is required.' : 'Expected a JSON object.');
  }
  refuseDoubleFields(value, path);
  return validateInput(type, value, path);
}

/** JSON.parse takes the last of two fields with one name; which of them was meant, nobody knows. */
function refuseDoubleFields(body: object, path: string[]): void {
  const text = bodyTextOf(body);
  try {
    if (text !== undefined) {
      findMembers(text);
    }
  } catch (error) {
    if (error instanceof DuplicateMemberError) {
      throw ValidationFailedError.of([...path, error.member], 'The field is there twice.', 'value_error.jsondecode');
    }
    throw error;
  }
}

async function validateInput<T>(type: Type<T>, value: object, path: string[]): Promise<T> {
  const instance = toRequestInstance(type, value as Record<string, unknown>);
  const errors = await validate(instance as object, {
    whitelist: true,
    stopAtFirstError: true,
    forbidUnknownValues: false,
  });
  if (errors.length > 0) {
    throw new ValidationFailedError(errors.flatMap((error) => toProblems(error, path)));
  }
  return instance;
}

function toProblems(error: ValidationError, path: string[]): ValidationProblem[] {
  const loc = [...path, error.property];
  const own = Object.values(error.constraints ?? {}).map((msg) => ({ loc, msg, type: 'value_error' }));
  return [...own, ...(error.children ?? []).flatMap((child) => toProblems(child, loc))];
}
