import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { type FastifyRequest } from 'fastify';
import { type Access, type Audience } from './access.types';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the access guard on every route that needs a token. */
    access?: Access;
  }
}

/** Metadata key of `AllowFor`. */
export const AUDIENCE = 'posthorn:audience';

/** Says who may call an operation, or all of a controller. Without it only organization tokens may. */
export function AllowFor(audience: Audience): MethodDecorator & ClassDecorator {
  return SetMetadata(AUDIENCE, audience);
}

/** The access of the caller, as a parameter of a handler. */
export const CurrentAccess = createParamDecorator((_: unknown, context: ExecutionContext): Access => {
  const { access } = context.switchToHttp().getRequest<FastifyRequest>();
  if (access === undefined) {
    throw new Error('CurrentAccess is used on a public route');
  }
  return access;
});
