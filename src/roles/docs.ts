import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

import { type Config } from '@/infra/config/config';
import { createLogger } from '@/infra/observability/logger';
import { AppModule } from './app.module';

const DESCRIPTION = `Posthorn sends webhooks for your product. Post a message once; Posthorn stores it durably, fans it out to the
endpoints of that customer, signs it by Standard Webhooks, delivers it, retries for days and records every attempt.

**Tokens.** Every call needs \`Authorization: Bearer <token>\`; \`npx posthorn token create\` makes one.

**Ids.** Wherever a path takes an id of an application, endpoint or message, it also takes your own \`uid\` (of a message: its \`eventId\`).

**Lists** come in pages: pass the \`iterator\` of one page to get the next, or its \`prevIterator\` to go back, until \`done\` is true.

**Errors** are \`{ code, detail, requestId }\`, and for 422 \`{ detail: [{ loc, msg, type }] }\`.

**Idempotency.** Send an \`idempotency-key\` header with a POST: a repetition within 12 hours gets the first answer again and does nothing more.`;

/** The OpenAPI document, generated from the code. Complete only when the code was built by `nest build`. */
export function createDocument(app: NestFastifyApplication): OpenAPIObject {
  const options = new DocumentBuilder()
    .setTitle('Posthorn')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .setOpenAPIVersion('3.1.0')
    .addServer('/', 'this server')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Organization or application token.' },
      'bearer',
    )
    .build();
  return SwaggerModule.createDocument(app, options);
}

/** Serves the document at /api/v1/openapi.json and a page to read and try it at /docs. */
export function setUpDocs(app: NestFastifyApplication): void {
  SwaggerModule.setup('docs', app, () => createDocument(app), {
    jsonDocumentUrl: 'api/v1/openapi.json',
    yamlDocumentUrl: 'api/v1/openapi.yaml',
    customSiteTitle: 'Posthorn API',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, tagsSorter: 'alpha' },
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
