import { Matches } from 'class-validator';
import { MessageListQuery } from '@/features/messages/messages.requests';
import { ListQuery } from '@/infra/http/list-query.requests';
import { QueryFlag, QueryNumberChoice, QueryText } from '@/infra/http/query-fields';
import { Optional } from '@/infra/http/validators';

const STATUSES = [0, 1, 2, 3];
const STATUS_CLASSES = [0, 100, 200, 300, 400, 500];
const NAME = /^[a-zA-Z0-9\-_.]{1,256}$/;

/** What all lists of attempts and attempted messages take. */
export class AttemptedListQuery extends MessageListQuery {
  /** Only with this status: 0 success, 1 pending, 2 fail, 3 sending. */
  @QueryNumberChoice(STATUSES)
  @Optional()
  status?: 0 | 1 | 2 | 3;
}

/** Which attempts to list. */
export class AttemptListQuery extends AttemptedListQuery {
  /** Only answers of this class: 200 for 200 to 299, and so on; 0 for no answer. */
  @QueryNumberChoice(STATUS_CLASSES)
  @Optional()
  status_code_class?: 0 | 100 | 200 | 300 | 400 | 500;

  /** True adds the message of each attempt as `msg`. */
  @QueryFlag()
  @Optional()
  with_msg?: boolean = false;

  /** Accepted for the sake of clients; `statusText` is always there. */
  @QueryFlag()
  @Optional()
  expanded_statuses?: boolean;
}

/** Which attempts of one message to list. */
export class MessageAttemptListQuery extends AttemptListQuery {
  /** Only attempts to this endpoint, by id or uid. */
  @QueryText()
  @Optional()
  @Matches(NAME, { message: 'Expected an endpoint id or uid.' })
  endpoint_id?: string;
}

/** Which destinations of a message to list. */
export class DestinationListQuery extends ListQuery {}
