import { type PageRequest } from '@/common/page';
import { type ListQuery, toPageRequest } from './list-query.requests';

/**
 * The page of a list that is always newest first. With `after` alone the page begins at that time and goes towards the
 * present, so that a caller can follow what is new; `prevIterator` goes on from there.
 */
export function toNewestFirstPage(
  query: ListQuery & { before?: Date; after?: Date },
  isKey: (text: string) => boolean,
): PageRequest {
  const page = toPageRequest(query, 'descending', isKey);
  const followsTime = query.after !== undefined && query.before === undefined && query.iterator === undefined;
  return followsTime ? { ...page, direction: 'prev' } : page;
}
