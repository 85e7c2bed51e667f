import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { shareMetrics } from './process-metrics';

const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** Every metric of the process; the names are those that `/metrics` shows. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly messagesAccepted = this.counter('posthorn_messages_accepted_total', 'Messages committed and acked.');
  readonly writeBatchSize = this.histogram('posthorn_write_batch_size', 'Messages in one commit.', BATCH_BUCKETS);
  readonly recordBatchSize = this.histogram('posthorn_record_batch_size', 'Outcomes in one commit.', BATCH_BUCKETS);
  readonly writeSeconds = this.histogram('posthorn_write_seconds', 'Time of one commit of messages.', SECONDS_BUCKETS);
  readonly recordSeconds = this.histogram(
    'posthorn_record_seconds',
    'Time of one commit of outcomes.',
    SECONDS_BUCKETS,
  );
  readonly attempts = new Counter({
    name: 'posthorn_attempts_total',
    help: 'Delivery attempts by outcome: success, http_error, timeout, address_refused, dns, connection, tls, protocol.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  readonly attemptSeconds = this.histogram(
    'posthorn_attempt_seconds',
    'Duration of delivery attempts.',
    SECONDS_BUCKETS,
  );
  readonly firstAttemptLagSeconds = this.histogram(
    'posthorn_first_attempt_lag_seconds',
    'From the acceptance of a message to the start of its first attempts.',
    SECONDS_BUCKETS,
  );
  readonly endpointsDisabled = this.counter('posthorn_endpoints_disabled_total', 'Endpoints that Posthorn disabled.');
  readonly recordFailures = this.counter(
    'posthorn_record_failures_total',
    'Commits of outcomes that had to be repeated.',
  );
  readonly dispatchesRecovered = this.counter(
    'posthorn_dispatches_recovered_total',
    'Batches that were handed over again because their first hand-over was lost.',
  );
  readonly httpRequests = new Counter({
    name: 'posthorn_http_requests_total',
    help: 'API requests by status class.',
    labelNames: ['status'],
    registers: [this.registry],
  });

  readonly retentionRemoved = new Counter({
    name: 'posthorn_retention_removed_total',
    help: 'What retention removed: partitions of messages and attempts, and single rows.',
    labelNames: ['what'],
    registers: [this.registry],
  });
  readonly retentionLastSuccess = new Gauge({
    name: 'posthorn_retention_last_success_timestamp_seconds',
    help: 'When a task of retention last ended well.',
    labelNames: ['task'],
    aggregator: 'max',
    registers: [this.registry],
  });
  readonly retentionOverdue = new Gauge({
    name: 'posthorn_retention_overdue_partitions',
    help: 'Partitions past MESSAGE_RETENTION_DAYS that had to stay: their table was busy, or a delivery is not finished.',
    aggregator: 'max',
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    shareMetrics(this.registry);
  }

  /** A value that is read when somebody asks for the metrics; `ofAll` makes one of those of several processes. */
  gauge(name: string, help: string, read: () => number | Promise<number>, ofAll: 'sum' | 'min' = 'sum'): void {
    new Gauge({
      name,
      help,
      aggregator: ofAll,
      registers: [this.registry],
      async collect() {
        this.set(await read());
      },
    });
  }

  private counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  private histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.registry] });
  }
}
