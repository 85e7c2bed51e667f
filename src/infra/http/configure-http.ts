import { type Server } from 'node:http';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type FastifyHttpOptions } from 'fastify';
import { BadRequestError, NotFoundError } from '@/common/app-error';
import { type Config } from '@/infra/config/config';
import { type Logger } from '@/infra/observability/logger';
import { Lifecycle } from '@/infra/lifecycle/lifecycle';
import { AllowedMethods } from './allowed-methods';
import { closeConnectionsOnStop } from './close-connections';
import { ErrorFilter } from './error.filter';
import { registerJsonBody } from './json-body';
import { answerProtocolError, answerUnknownExpectation } from './protocol-errors';
import { parseQueryString } from './query-string';
import { requestIdOf } from './request-id';
import { RequestValidationPipe } from './validation.pipe';

const COMMON_HEADERS = { 'x-content-type-options': 'nosniff' };
/** What pages of other origins may read beside the body. */
const EXPOSED_HEADERS = ['retry-after', 'x-request-id'];
const CORS_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': EXPOSED_HEADERS.join(', '),
};

/** Fastify as this API needs it. */
export function fastifyOptions(config: Config, log: Logger): FastifyHttpOptions<Server> & { skipMiddie: boolean } {
  return {
    bodyLimit: config.maxBodyBytes,
    trustProxy: config.trustedProxies.length === 0 ? false : config.trustedProxies,
    genReqId: requestIdOf,
    // Longer than the 60 s of common load balancers, so that they close idle connections and never meet a closed one.
    keepAliveTimeout: 72_000,
    requestTimeout: 60_000,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024, querystringParser: parseQueryString },
    // No Nest middleware is used, so no request needs to walk through an empty chain of it.
    skipMiddie: true,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: answerProtocolError,
    // Node would refuse a request without Host by itself, with an empty body.
    http: { requireHostHeader: false },
    // A path that cannot be decoded, or an id longer than any, names nothing. No hook runs before this.
    frameworkErrors: (_error, request, reply) => {
      void reply.headers({ ...COMMON_HEADERS, ...CORS_HEADERS, 'x-request-id': request.id });
      void new ErrorFilter(log).reply(new NotFoundError(), request, reply);
    },
  };
}

/** Sets up what comes before and after the routes: bodies, validation, security headers and error answers. */
export function configureHttp(app: NestFastifyApplication, config: Config, log: Logger): void {
  const fastify = app.getHttpAdapter().getInstance();
  const allowed = new AllowedMethods();
  fastify.addHook('onRoute', (route) => allowed.add(route.url, route.method));
  const lifecycle = app.get(Lifecycle);
  registerJsonBody(fastify, config.maxBodyBytes);
  fastify.addHook('onRequest', (request, reply, done) => {
    if (lifecycle.isDraining) {
      // The client opens its next connection elsewhere, and none is cut off.
      void reply.header('connection', 'close');
    }
    void reply.headers(COMMON_HEADERS).header('x-request-id', request.id);
    const { httpVersionMinor, headers } = request.raw;
    done(
      httpVersionMinor === 1 && headers.host === undefined
        ? new BadRequestError('A Host header is required.')
        : undefined,
    );
  });
  const server = app.getHttpServer();
  server.on('checkExpectation', answerUnknownExpectation);
  closeConnectionsOnStop(fastify, server);
  app.enableCors({ origin: '*', methods: '*', maxAge: 600, strictPreflight: false, exposedHeaders: EXPOSED_HEADERS });
  app.useGlobalFilters(new ErrorFilter(log, allowed));
  app.useGlobalPipes(new RequestValidationPipe());
}
