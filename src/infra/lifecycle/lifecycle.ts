import { Injectable } from '@nestjs/common';

/** Whether this process is on its way out. */
@Injectable()
export class Lifecycle {
  private draining = false;

  /** True after the signal to stop: readiness is red, and answers ask clients to reconnect elsewhere. */
  get isDraining(): boolean {
    return this.draining;
  }

  /** There is no way back. */
  drain(): void {
    this.draining = true;
  }
}
