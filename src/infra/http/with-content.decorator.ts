import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { type FastifyRequest } from 'fastify';
import { BadRequestError } from '@/common/app-error';

/**
 * The query field `with_content`, true by default, as a parameter of a handler. Read by hand, because it is on the path
 * of every message, where a validated query object costs as much as the rest of the request.
 */
export const WithContent = createParamDecorator((_: unknown, context: ExecutionContext): boolean => {
  const { query } = context.switchToHttp().getRequest<FastifyRequest>();
  const { with_content: text } = query as { with_content?: unknown };
  if (text !== undefined && text !== 'true' && text !== 'false') {
    throw new BadRequestError('Query field with_content must be true or false.');
  }
  return text !== 'false';
});

/** Describes the query field that `WithContent` reads. */
export function ApiWithContent(): MethodDecorator {
  return applyDecorators(
    ApiQuery({
      name: 'with_content',
      required: false,
      schema: { type: 'boolean', default: true },
      description: 'False leaves the payload out: it is then an empty object.',
    }),
  );
}
