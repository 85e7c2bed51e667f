import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { AllowFor } from '@/features/auth/audience.decorator';
import { ApiRoute } from '@/infra/http/api-operation.decorator';
import { HealthOut, ReadinessOut } from './health.responses';
import { HealthService } from './health.service';

/** Probes of orchestrators, and the health paths of the Svix API. */
@ApiTags('Health')
@Controller()
@AllowFor('public')
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @Get('health/live')
  @ApiRoute({
    id: 'health.live',
    summary: 'Is the process alive? Looks at nothing else',
    responses: { 200: ReadinessOut },
    isPublic: true,
  })
  live(): ReadinessOut {
    return { status: 'ok', details: {} };
  }

  @Get('health/startup')
  @ApiRoute({
    id: 'health.startup',
    summary: 'Has the process started? It answers only when it has',
    responses: { 200: ReadinessOut },
    isPublic: true,
  })
  startup(): ReadinessOut {
    return { status: 'ok', details: {} };
  }

  @Get('health/ready')
  @ApiRoute({
    id: 'health.ready',
    summary: 'Can it take work? 503 when not',
    responses: { 200: ReadinessOut, 503: ReadinessOut },
    isPublic: true,
  })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessOut> {
    const { isReady, status, details } = await this.health.report();
    void reply.status(isReady ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    return { status, details };
  }

  @Get('api/v1/health')
  @ApiRoute({
    id: 'v1.health.get',
    summary: 'How the server is, part by part',
    responses: { 200: HealthOut, 503: HealthOut },
    isPublic: true,
  })
  async get(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthOut> {
    const { isReady, details } = await this.health.report();
    void reply.status(isReady ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    const of = (name: string): { status: string } => ({ status: details[name]?.status === 'up' ? 'ok' : 'error' });
    // The cache is in this process: while it answers, it is well.
    return { database: of('database'), queue: of('queue'), cache: { status: 'ok' } };
  }

  @Get('api/v1/health/ping')
  @ApiRoute({ id: 'v1.health.ping', summary: 'Does the server answer?', responses: { 204: null }, isPublic: true })
  ping(): void {
    // The status says it all.
  }
}
