import { Body, Controller, Get, Headers, Param, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { type Access } from '@/features/auth/access.types';
import { AllowFor, CurrentAccess } from '@/features/auth/audience.decorator';
import { ApiRoute } from '@/infra/http/api-operation.decorator';
import { EndpointSecretRotateIn } from './endpoint-secrets.requests';
import { EndpointSecretOut } from './endpoint-secrets.responses';
import { EndpointSecretsService } from './endpoint-secrets.service';

@ApiTags('Endpoint')
@AllowFor('application')
@Controller('api/v1/app/:app_id/endpoint/:endpoint_id/secret')
export class EndpointSecretsController {
  constructor(private readonly secrets: EndpointSecretsService) {}

  @Get()
  @ApiRoute({
    id: 'v1.endpoint.get-secret',
    summary: 'Get the signing secret of an endpoint',
    description: 'Of an ed25519 secret only the public key is shown.',
    responses: { 200: EndpointSecretOut },
  })
  get(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
  ): Promise<EndpointSecretOut> {
    return this.secrets.get(access, appId, endpointId);
  }

  @Post('rotate')
  @ApiRoute({
    id: 'v1.endpoint.rotate-secret',
    summary: 'Replace the signing secret of an endpoint',
    description:
      'The secret of before signs too until the grace period ends; at most 10 such secrets can be valid, one more is 400 ' +
      'with code limit_reached. The answer has no body, but for svix-libs 2.7 and later, which expect the new key.',
    responses: { 204: null, 200: EndpointSecretOut },
    errors: [409, 413],
  })
  async rotate(
    @CurrentAccess() access: Access,
    @Param('app_id') appId: string,
    @Param('endpoint_id') endpointId: string,
    @Body() body: EndpointSecretRotateIn,
    @Headers('user-agent') userAgent: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EndpointSecretOut | undefined> {
    const secret = await this.secrets.rotate(access, appId, endpointId, body);
    const isKeyExpected = readsRotatedKey(userAgent ?? '');
    void reply.status(isKeyExpected ? 200 : 204);
    return isKeyExpected ? secret : undefined;
  }
}

/** Clients from 2.7 on read the new key from the answer; some older ones fail on any body. */
function readsRotatedKey(userAgent: string): boolean {
  const version = /^svix-libs\/(\d{1,6})\.(\d{1,6})/.exec(userAgent);
  const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)];
  return major > 2 || (major === 2 && minor >= 7);
}
