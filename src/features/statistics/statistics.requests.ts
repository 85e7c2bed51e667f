import { QueryInstant } from '@/infra/http/query-fields';
import { Optional } from '@/infra/http/validators';

/** The span of time of statistics, at most 28 days. */
export class EndpointStatsQuery {
  /** Count from the beginning of the hour (UTC) of this time; 28 days before `until` by default. */
  @QueryInstant()
  @Optional()
  since?: Date;

  /** Count to the end of the hour (UTC) of this time, which must not be in the future; now by default. */
  @QueryInstant()
  @Optional()
  until?: Date;
}
