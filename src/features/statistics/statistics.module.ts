import { Module } from '@nestjs/common';
import { ApplicationsModule } from '@/features/applications/applications.module';
import { EndpointsModule } from '@/features/endpoints/endpoints.module';
import { StatisticsRepository } from './statistics.repository';
import { StatisticsService } from './statistics.service';

/** Reads statistics. What they are read from is written by `RollupModule`. */
@Module({
  imports: [ApplicationsModule, EndpointsModule],
  providers: [StatisticsRepository, StatisticsService],
  exports: [StatisticsService],
})
export class StatisticsModule {}
