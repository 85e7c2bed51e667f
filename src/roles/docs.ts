import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

import { type Config } from '@/infra/config/config';
import { completeDocument } from '@/infra/http/complete-document';
import { createLogger } from '@/infra/observability/logger';
import { AppModule } from './app.module';

const DESCRIPTION = `Posthorn sends webhooks for your product. Post a message once; Posthorn stores it durably, fans it out to the
endpoints of that customer, signs it by Standard Webhooks, delivers it, retries for days and records every attempt.

**Tokens.** Every call needs \`Authorization: Bearer <token>\`; \`npx posthorn token create\` makes one.

**Ids.** Wherever a path takes an id of an application, endpoint or message, it also takes your own \`uid\` (of a message: its \`eventId\`).

**Lists** come in pages: pass the \`iterator\` of one page to get the next, or its \`prevIterator\` to go back, until \`done\` is true.

**Errors** are \`{ code, detail, requestId }\`, and for 422 \`{ detail: [{ loc, msg, type }] }\`.

**Idempotency.** Send an \`idempotency-key\` header with a POST: a repetition within 12 hours gets the first answer again and does nothing more.`;

/** Groups of operations, in the order in which somebody new needs them. */
const TAGS: Record<string, string> = {
  Application: 'Your customers. Each owns endpoints and messages.',
  'Event Type': 'The kinds of events that you send, to which endpoints can subscribe.',
  Endpoint: 'Where a customer gets webhooks, with secret, filters and extra headers.',
  Message: 'The events. Post one, and it is delivered to the endpoints of its application.',
  'Message Attempt': 'What came of deliveries, and sending one again.',
  Health: 'Probes of load balancers and orchestrators.',
  Metrics: 'For Prometheus.',
};

/** The OpenAPI document, generated from the code. Complete only when the code was built by `nest build`. */
function createDocument(app: NestFastifyApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setTitle('Posthorn')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .setOpenAPIVersion('3.1.0')
    .addServer('/', 'this server')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Organization or application token.' },
      'bearer',
    );
  Object.entries(TAGS).forEach(([name, description]) => builder.addTag(name, description));
  return completeDocument(SwaggerModule.createDocument(app, builder.build()));
}

/** The page is Posthorn's, so the bar of the tool that draws it goes. */
const PAGE_CSS = '.swagger-ui .topbar { display: none }';

/** Serves the document at /api/v1/openapi.json and a page to read and try it at /docs. */
export function setUpDocs(app: NestFastifyApplication): void {
  SwaggerModule.setup('docs', app, () => createDocument(app), {
    jsonDocumentUrl: 'api/v1/openapi.json',
    yamlDocumentUrl: 'api/v1/openapi.yaml',
    customSiteTitle: 'Posthorn API',
    customCss: PAGE_CSS,
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, docExpansion: 'list', filter: true },
  });
  const fastify = app.getHttpAdapter().getInstance();
  fastify.get('/', (_request, reply) => reply.redirect('/docs', 307));
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.url === '/docs/') {
      // The page loads its parts relative to /docs.
      void reply.redirect('/docs', 307);
      return;
    }
    done();
  });
}

/** The document without a database: the controllers are looked at, nothing is started. */
export async function previewDocument(config: Config): Promise<OpenAPIObject> {
  const logger = createLogger({ logLevel: 'silent', logFormat: 'json' });
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.register(config, ['api'], logger),
    new FastifyAdapter(),
    { logger: false, preview: true, abortOnError: false },
  );
  return createDocument(app);
}
