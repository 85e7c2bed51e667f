import { isUtf8 } from 'node:buffer';
import { type FastifyInstance, type FastifyRequest } from 'fastify';
import { ValidationFailedError } from '@/common/app-error';
import { rememberBodyText } from './body-text';

declare module 'fastify' {
  interface FastifyRequest {
    /** The request body exactly as it came, when there was one. */
    bodyText?: string;
  }
}

/**
 * Takes every request body as JSON, whatever its content type says, as clients of this API send them. The text is kept
 * beside the parsed value, because a payload is stored and delivered byte for byte.
 */
export function registerJsonBody(fastify: FastifyInstance, maxBodyBytes: number): void {
  fastify.removeAllContentTypeParsers();
  fastify.decorateRequest('bodyText');
  fastify.addHook('onRequest', (request, _reply, done) => {
    // Even one that is no content type at all, which Fastify would refuse.
    const { headers, method } = request.raw;
    if (headers['content-type'] !== undefined || method === 'QUERY') {
      headers['content-type'] = 'application/json';
    }
    done();
  });
  fastify.addContentTypeParser(
    ['application/json', '*'],
    { parseAs: 'buffer', bodyLimit: maxBodyBytes },
    (request: FastifyRequest, body: Buffer | string, done) => {
      try {
        done(null, parseBody(request, body as Buffer));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

function parseBody(request: FastifyRequest, body: Buffer): unknown {
  if (body.length === 0) {
    return undefined;
  }
  if (!isUtf8(body)) {
    throw ValidationFailedError.of(['body'], 'The body is not valid UTF-8.', 'value_error.jsondecode');
  }
  const text = body.toString('utf8');
  request.bodyText = text;
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null) {
      rememberBodyText(value, text);
    }
    return value;
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'syntax error';
    throw ValidationFailedError.of(['body'], `The body is not valid JSON: ${reason}`, 'value_error.jsondecode');
  }
}
