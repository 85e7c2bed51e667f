import { type Cluster, type Redis } from 'ioredis';
import { type Logger } from '@/infra/observability/logger';

/**
 * Tells the operator when this Redis may throw keys away. Nothing is lost by it, because the database has everything, but
 * deliveries then come late, and nobody would look for the cause here.
 */
export async function warnOfEviction(client: Redis | Cluster, log: Logger): Promise<void> {
  let info: string;
  try {
    info = await client.info('memory');
  } catch (error) {
    log.debug({ err: error }, 'the eviction policy of Redis could not be read');
    return;
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy !== undefined && policy !== 'noeviction') {
    log.warn({ policy }, 'Redis may evict jobs: set maxmemory-policy to noeviction');
  }
}
