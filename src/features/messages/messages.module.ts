import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ApplicationsModule } from '@/features/applications/applications.module';
import { Message } from './message.entity';
import { MessageWriter } from './message-writer';
import { MessagesRepository } from './messages.repository';
import { MessagesService } from './messages.service';

@Module({
  imports: [TypeOrmModule.forFeature([Message]), ApplicationsModule],
  providers: [MessagesRepository, MessageWriter, MessagesService],
  exports: [MessagesService],
})
export class MessagesModule {}
