import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate, type ValidationError } from 'class-validator';
import { resolveOlderNames } from './older-name';
import { ValidationFailedError, type ValidationProblem } from '@/common/app-error';

const ROOTS: Record<string, string> = { body: 'body', query: 'query', param: 'path', custom: 'body' };

/** Turns bodies and queries into instances of their class and checks them; unknown fields are dropped, wrong ones are 422. */
@Injectable()
export class RequestValidationPipe implements PipeTransform {
  async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const type = metadata.metatype;
    if (type === undefined || type === Object || type === String || metadata.type === 'custom') {
      return value;
    }
    const root = ROOTS[metadata.type] ?? metadata.type;
    if (metadata.type === 'body' && (typeof value !== 'object' || value === null || Array.isArray(value))) {
      throw ValidationFailedError.of(['body'], value === undefined ? 'A body is required.' : 'Expected a JSON object.');
    }
    const input = resolveOlderNames(type, (value ?? {}) as Record<string, unknown>);
    const instance = plainToInstance(type, input, { exposeDefaultValues: true }) as object;
    const errors = await validate(instance, { whitelist: true, stopAtFirstError: true, forbidUnknownValues: false });
    if (errors.length > 0) {
      throw new ValidationFailedError(errors.flatMap((error) => toProblems(error, [root])));
    }
    return instance;
  }
}

function toProblems(error: ValidationError, path: string[]): ValidationProblem[] {
  const loc = [...path, error.property];
  const own = Object.values(error.constraints ?? {}).map((msg) => ({ loc, msg, type: 'value_error' }));
  return [...own, ...(error.children ?? []).flatMap((child) => toProblems(child, loc))];
}
