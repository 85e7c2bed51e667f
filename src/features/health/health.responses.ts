import { Schema } from '@/infra/http/schema.decorator';

/** How one thing that the server needs is. */
export class ComponentHealth {
  /**
   * ok or error.
   * @example ok
   */
  @Schema({ type: 'string', enum: ['ok', 'error'] })
  status: string;
}

/** How the server is, in the shape of the Svix API. */
export class HealthOut {
  /** PostgreSQL. */
  database: ComponentHealth;

  /** The queue between the roles. */
  queue: ComponentHealth;

  /** The cache of this process. */
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
  @Schema({ type: 'object', additionalProperties: true, example: { database: { status: 'up' } } })
  details: Record<string, unknown>;
}
