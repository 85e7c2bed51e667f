import { Module } from '@nestjs/common';
import { HealthController } from '@/features/health/health.controller';
import { HealthModule } from '@/features/health/health.module';
import { MetricsController } from '@/features/metrics/metrics.controller';

/** What every process answers, whatever its role: health and metrics. */
@Module({ imports: [HealthModule], controllers: [HealthController, MetricsController] })
export class ProbesRole {}
