import { Schema } from '@/infra/http/schema.decorator';
import { PageOf } from '@/infra/http/page-of';
import { type Application } from './application.entity';

/** An application. */
export class ApplicationOut {
  /**
   * Its id; sorts by the time of creation.
   * @example app_2mXLPKqXdU5bY8rVvY6jvBEuCbD
   */
  id: string;

  /**
   * Your own id of this customer; absent when it has none.
   * @example customer-1
   */
  uid?: string;

  /**
   * Name for people.
   * @example 'Acme Corp'
   */
  name: string;

  /**
   * Most deliveries a second to all endpoints together; null is unlimited.
   * @example 100
   */
  @Schema({ type: 'integer' })
  throttleRate: number | null;

  /**
   * Older name of `throttleRate`; absent when unlimited.
   * @example 100
   */
  @Schema({ type: 'integer' })
  rateLimit?: number;

  /**
   * Your own texts.
   * @example { "plan": "gold" }
   */
  metadata: Record<string, string>;

  /**
   * When it was created.
   * @example '2026-11-24T12:00:00.000Z'
   */
  createdAt: Date;

  /**
   * When it was last changed.
   * @example '2026-11-24T12:00:00.000Z'
   */
  updatedAt: Date;
}

/** One page of applications. */
export class ApplicationPage extends PageOf(ApplicationOut, 'app_2mXLPKqXdU5bY8rVvY6jvBEuCbD') {}

/** The application as the API shows it. */
export function toApplicationOut(application: Application): ApplicationOut {
  return {
    ...(application.uid === null ? {} : { uid: application.uid }),
    name: application.name,
    throttleRate: application.throttleRate,
    ...(application.throttleRate === null ? {} : { rateLimit: application.throttleRate }),
    id: application.id,
    createdAt: application.createdAt,
    updatedAt: application.updatedAt,
    metadata: application.metadata,
  };
}
