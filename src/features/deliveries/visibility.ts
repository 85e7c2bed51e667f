import { type Config } from '@/infra/config/config';

const MARGIN_MS = 15_000;

/** How long a claimed delivery may be under way before others take it for lost: the whole exchange, and a margin. */
export function visibilityMsOf(config: Config): number {
  return config.requestTimeoutSeconds * 1000 + MARGIN_MS;
}
