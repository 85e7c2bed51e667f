import { ApiProperty } from '@nestjs/swagger';

/** How one thing that the server needs is. */
export class ComponentHealth {
  /**
   * ok or error.
   * @example ok
   */
  status: string;
}

/** How the server is, in the shape of the Svix API. */
export class HealthOut {
  database: ComponentHealth;
  queue: ComponentHealth;
  cache: ComponentHealth;
}

/** How the server is, part by part. */
export class ReadinessOut {
  /**
   * ok, error, or shutting_down.
   * @example ok
   */
  status: string;

  /** Every part that was looked at. */
  @ApiProperty({ type: 'object', additionalProperties: true, example: { database: { status: 'up' } } })
  details: Record<string, unknown>;
}
