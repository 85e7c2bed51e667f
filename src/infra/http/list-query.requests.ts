import { Max, Min } from 'class-validator';
import { ValidationFailedError } from '@/common/app-error';
import { type PageRequest } from '@/common/page';
import { QueryChoice, QueryInteger, QueryText } from './query-fields';
import { Optional } from './validators';

const MAX_CURSOR_LENGTH = 300;

/** The fields that every list takes. */
export class ListQuery {
  /** Items of a page, 0 to 250. */
  @QueryInteger()
  @Optional()
  @Min(0, { message: 'Given limit must not be negative' })
  @Max(250, { message: 'Given limit must not exceed 250' })
  limit?: number = 50;

  /** The `iterator` of the page before, or its `prevIterator` to go back. */
  @QueryText()
  @Optional()
  iterator?: string;
}

/** A list whose order the caller chooses. */
export class OrderedListQuery extends ListQuery {
  /** Order by creation. */
  @QueryChoice(['ascending', 'descending'])
  @Optional()
  order?: 'ascending' | 'descending';
}

/** The page that a query asks for. `isKey` says whether a cursor can be a key of this list; a bad one is 422. */
export function toPageRequest(
  query: ListQuery & { order?: 'ascending' | 'descending' },
  defaultOrder: 'ascending' | 'descending',
  isKey: (text: string) => boolean,
): PageRequest {
  const isBackward = query.iterator?.startsWith('-') ?? false;
  const cursor = isBackward ? query.iterator?.slice(1) : query.iterator;
  if (cursor !== undefined && (cursor.length > MAX_CURSOR_LENGTH || !isKey(cursor))) {
    throw ValidationFailedError.of(['query', 'iterator'], 'The iterator is not one that this list returned.');
  }
  return {
    limit: query.limit ?? 50,
    cursor,
    direction: isBackward ? 'prev' : 'next',
    order: query.order ?? defaultOrder,
  };
}
