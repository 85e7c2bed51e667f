import { Controller, Get, Res } from '@nestjs/common';
import { ApiProduces, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { AllowFor } from '@/features/auth/audience.decorator';
import { ApiRoute } from '@/infra/http/api-operation.decorator';
import { Metrics } from '@/infra/observability/metrics';
import { readMetrics } from '@/infra/observability/process-metrics';

/** For Prometheus. */
@ApiTags('Metrics')
@Controller()
@AllowFor('public')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get('metrics')
  @ApiProduces('text/plain')
  @ApiRoute({
    id: 'metrics.get',
    summary: 'Metrics for Prometheus, as text',
    responses: { 200: String },
    isPublic: true,
  })
  async get(@Res() reply: FastifyReply): Promise<void> {
    const { registry } = this.metrics;
    void reply.header('content-type', registry.contentType).send(await readMetrics(registry));
  }
}
