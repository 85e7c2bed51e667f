import { Injectable } from '@nestjs/common';
import { DeliveriesRepository } from './deliveries.repository';
import { StrandedDispatches } from './stranded-dispatches';

/** What a process does at its start when it has the database for itself: whatever a killed one left is its own now. */
@Injectable()
export class DeliveryRecovery {
  constructor(
    private readonly repository: DeliveriesRepository,
    private readonly stranded: StrandedDispatches,
  ) {}

  /** Makes claimed deliveries due at once instead of after their visibility timeout, and takes over unsettled batches. */
  async run(): Promise<void> {
    await this.repository.releaseAllClaims();
    await this.stranded.handOver(0);
  }
}
