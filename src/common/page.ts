/** What a list asks of its repository: one page by key, never by offset. */
export interface PageRequest {
  /** Items of the page, 1 to 250. */
  limit: number;
  /** Key of the item next to the page; absent for the first page. */
  cursor?: string;
  /** `next` goes on in the list's order, `prev` goes back; the page itself keeps the list's order either way. */
  direction: 'next' | 'prev';
  order: 'ascending' | 'descending';
}

/** One page of a list in the API's shape. */
export interface Page<T> {
  data: T[];
  /** Key of the last item: pass it as `iterator` to get the next page. Null when the page is empty. */
  iterator: string | null;
  /** Pass it as `iterator` to go back. Absent on the first page of a list, but not where a list begins at a time. */
  prevIterator?: string;
  /** True when no further items exist in the direction of the request. */
  done: boolean;
}

/** How a repository must read a page: compare keys with `operator` and sort by `sort`; ask for `limit` + 1 rows. */
export function keysetOf(request: PageRequest): { operator: '>' | '<'; sort: 'ASC' | 'DESC'; take: number } {
  const isUpwards = (request.order === 'ascending') === (request.direction === 'next');
  return { operator: isUpwards ? '>' : '<', sort: isUpwards ? 'ASC' : 'DESC', take: request.limit + 1 };
}

/**
 * Makes the page from the rows that `keysetOf` asked for: one row more than `limit` says that there is more.
 * Rows of a backward request come in reverse and are turned round here.
 */
export function toPage<Row, T>(
  rows: Row[],
  request: PageRequest,
  keyOf: (row: Row) => string,
  map: (row: Row) => T,
): Page<T> {
  const kept = rows.slice(0, request.limit);
  if (request.direction === 'prev') {
    kept.reverse();
  }
  const first = kept[0];
  const last = kept[kept.length - 1];
  const page: Page<T> = {
    data: kept.map(map),
    iterator: last === undefined ? null : keyOf(last),
    done: rows.length <= request.limit,
  };
  if (first !== undefined && (request.cursor !== undefined || request.direction === 'prev')) {
    page.prevIterator = `-${keyOf(first)}`;
  }
  return page;
}
