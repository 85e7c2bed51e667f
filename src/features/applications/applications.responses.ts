import { type Page } from '@/common/page';
import { type Application } from './application.entity';

/** An application. */
export class ApplicationOut {
  /** @example app_2mXLPKqXdU5bY8rVvY6jvBEuCbD */
  id: string;

  /**
   * Your own id of this customer; absent when it has none.
   * @example customer-1
   */
  uid?: string;

  /** @example Acme Corp */
  name: string;

  /** Most deliveries a second to all endpoints together; null is unlimited. */
  throttleRate: number | null;

  /** Older name of `throttleRate`; absent when unlimited. */
  rateLimit?: number;

  /** @example { "plan": "gold" } */
  metadata: Record<string, string>;

  createdAt: Date;

  updatedAt: Date;
}

/** One page of applications. */
export class ApplicationPage implements Page<ApplicationOut> {
  data: ApplicationOut[];

  /** Key of the last item: pass it as `iterator` to get the next page. */
  iterator: string | null;

  /** Pass it as `iterator` to go back. */
  prevIterator?: string;

  /** True when there is no further page. */
  done: boolean;
}

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
