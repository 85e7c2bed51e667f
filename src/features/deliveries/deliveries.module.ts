import { Module } from '@nestjs/common';
import { ApplicationsModule } from '@/features/applications/applications.module';
import { EndpointsModule } from '@/features/endpoints/endpoints.module';
import { MessagesModule } from '@/features/messages/messages.module';
import { AttemptRecorder } from './attempt-recorder';
import { AttemptRunner } from './attempt-runner';
import { AttemptSender } from './attempt-sender';
import { AttemptsRepository } from './attempts.repository';
import { AttemptsService } from './attempts.service';
import { DeliveriesRepository } from './deliveries.repository';
import { DeliveryRecovery } from './delivery-recovery';
import { DispatchLoader } from './dispatch-loader';
import { DispatchProcessor } from './dispatch.processor';
import { DueDeliveries } from './due-deliveries';
import { DuePoller } from './due-poller';
import { DueSignal } from './due-signal';
import { EndpointHealth } from './endpoint-health';
import { StrandedDispatches } from './stranded-dispatches';

@Module({
  imports: [ApplicationsModule, EndpointsModule, MessagesModule],
  providers: [
    AttemptRecorder,
    AttemptRunner,
    AttemptSender,
    AttemptsRepository,
    AttemptsService,
    DeliveriesRepository,
    DeliveryRecovery,
    DispatchLoader,
    DispatchProcessor,
    DueDeliveries,
    DuePoller,
    DueSignal,
    EndpointHealth,
    StrandedDispatches,
  ],
  exports: [
    AttemptRecorder,
    AttemptRunner,
    AttemptsService,
    DeliveryRecovery,
    DispatchProcessor,
    DuePoller,
    StrandedDispatches,
  ],
})
export class DeliveriesModule {}
