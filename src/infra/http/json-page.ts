import { type Page } from '@/common/page';

/** A page whose items are JSON texts already. */
export function pageJson(page: Page<string>): string {
  const { data, ...rest } = page;
  return `{"data":[${data.join(',')}],${JSON.stringify(rest).slice(1)}`;
}
