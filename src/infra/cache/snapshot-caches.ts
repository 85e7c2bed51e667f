import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { Metrics } from '@/infra/observability/metrics';
import { CacheBus } from './cache-bus';
import { SnapshotCache, type SnapshotCacheOptions } from './snapshot-cache';

/** Makes the caches of this process: joined to those of the others, and counted. */
@Injectable()
export class SnapshotCaches {
  private readonly created = new Map<string, SnapshotCache<object>>();

  constructor(
    private readonly bus: CacheBus,
    metrics: Metrics,
  ) {
    const caches = this.created;
    new Counter({
      name: 'posthorn_cache_reads_total',
      help: 'Reads of the caches in memory, by cache and result: hit or miss.',
      labelNames: ['cache', 'result'],
      registers: [metrics.registry],
      collect() {
        this.reset();
        for (const [cache, { hits, misses }] of caches) {
          this.inc({ cache, result: 'hit' }, hits);
          this.inc({ cache, result: 'miss' }, misses);
        }
      },
    });
  }

  /** `name` is unique in the program, and the same in every process. */
  create<T extends object>(options: SnapshotCacheOptions & { name: string }): SnapshotCache<T> {
    const cache = new SnapshotCache<T>(options, this.bus);
    this.created.set(options.name, cache);
    return cache;
  }
}
