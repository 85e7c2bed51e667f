import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type FastifyServerOptions } from 'fastify';
import { type Config } from '@/infra/config/config';
import { type Logger } from '@/infra/observability/logger';
import { AllowedMethods } from './allowed-methods';
import { ErrorFilter } from './error.filter';
import { registerJsonBody } from './json-body';
import { parseQueryString } from './query-string';
import { requestIdOf } from './request-id';
import { RequestValidationPipe } from './validation.pipe';

/** Fastify as this API needs it. */
export function fastifyOptions(config: Config, log: Logger): FastifyServerOptions {
  return {
    bodyLimit: config.maxBodyBytes,
    genReqId: requestIdOf,
    // Longer than the 60 s of common load balancers, so that they close idle connections and never meet a closed one.
    keepAliveTimeout: 72_000,
    requestTimeout: 60_000,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024, querystringParser: parseQueryString },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // Paths that cannot be decoded never reach a route.
    frameworkErrors: (error, request, reply) => {
      void new ErrorFilter(log).reply(error, request as never, reply as never);
    },
  };
}

/** Sets up what comes before and after the routes: bodies, validation, security headers and error answers. */
export function configureHttp(app: NestFastifyApplication, config: Config, log: Logger): void {
  const fastify = app.getHttpAdapter().getInstance();
  const allowed = new AllowedMethods();
  fastify.addHook('onRoute', (route) => allowed.add(route.url, route.method));
  registerJsonBody(fastify as never, config.maxBodyBytes);
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-content-type-options', 'nosniff').header('x-request-id', request.id);
    done();
  });
  app.useGlobalFilters(new ErrorFilter(log, allowed));
  app.useGlobalPipes(new RequestValidationPipe());
}
