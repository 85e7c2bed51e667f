import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EventType } from './event-type.entity';
import { EventTypesRepository } from './event-types.repository';
import { EventTypesService } from './event-types.service';

@Module({
  imports: [TypeOrmModule.forFeature([EventType])],
  providers: [EventTypesRepository, EventTypesService],
  exports: [EventTypesService],
})
export class EventTypesModule {}
