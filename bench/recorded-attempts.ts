import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './clock';
import { type RestClient } from '../test/support/rest-client';

const SUCCESS = 0;
const READERS = 4;

/** An application and its endpoints, in the order of their numbers. */
export interface Target {
  applicationId: string;
  endpointIds: string[];
}

/**
 * Counts the deliveries of acked messages for which the REST API lists no successful attempt, again and again until
 * there are none or `timeoutMs` have passed.
 */
export async function countUnrecorded(
  client: RestClient,
  targets: Target[],
  ackedIds: Iterable<string>,
  timeoutMs: number,
): Promise<number> {
  const deadline = monotonicMs() + timeoutMs;
  const acked = new Set(ackedIds);
  for (;;) {
    const expected = acked.size * (targets[0]?.endpointIds.length ?? 0);
    const unrecorded = expected - (await countRecorded(client, targets, acked));
    if (unrecorded === 0 || monotonicMs() > deadline) {
      return unrecorded;
    }
    await sleep(500);
  }
}

/** Distinct pairs of an acked message and an endpoint with a successful attempt. */
async function countRecorded(client: RestClient, targets: Target[], acked: Set<string>): Promise<number> {
  const endpoints = targets.flatMap(({ applicationId, endpointIds }) =>
    endpointIds.map((endpointId) => ({ applicationId, endpointId })),
  );
  let recorded = 0;
  const readAll = async (): Promise<void> => {
    for (let next = endpoints.pop(); next; next = endpoints.pop()) {
      const succeeded = await succeededMessages(client, next.applicationId, next.endpointId, acked);
      recorded += succeeded.size;
    }
  };
  await Promise.all(Array.from({ length: READERS }, readAll));
  return recorded;
}

async function succeededMessages(
  client: RestClient,
  applicationId: string,
  endpointId: string,
  acked: Set<string>,
): Promise<Set<string>> {
  const succeeded = new Set<string>();
  for await (const page of client.attemptsOf(applicationId, endpointId)) {
    page
      .filter((attempt) => attempt.status === SUCCESS && acked.has(attempt.msgId))
      .forEach((attempt) => succeeded.add(attempt.msgId));
  }
  return succeeded;
}
