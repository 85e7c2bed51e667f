import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type FastifyRequest } from 'fastify';

/** A request body, parsed and as it came. */
export interface JsonBody {
  /** Undefined when there was no body. */
  value: unknown;
  text: string;
}

/** The body together with its text, for handlers that keep a part of it byte for byte. It is not validated. */
export const JsonTextBody = createParamDecorator((_: unknown, context: ExecutionContext): JsonBody => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  return { value: request.body, text: request.bodyText ?? '' };
});
