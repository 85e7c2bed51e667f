import { setTimeout as delay } from 'node:timers/promises';
import { type DataSource, type EntityManager } from 'typeorm';
import { isLockTimeout, isUndefinedTable } from './database-errors';

/** While we wait for a lock on the table, everybody else waits behind us: inserts too. */
const LOCK_TIMEOUT_MS = 100;
const TRIES = 5;
const PAUSE_MS = 500;

/** A partition and the table that it belongs to. */
interface PartitionName {
  name: string;
  table: string;
}

/** Asked when nobody can write to the table any more; it should be quick. */
type MayDrop = (manager: EntityManager) => Promise<boolean>;

/** What became of a partition: `kept` by `MayDrop`, `gone` before, `busy` with statements that did not end in time. */
export type DropResult = 'dropped' | 'kept' | 'gone' | 'busy';

/**
 * Drops a partition, and never makes anybody else wait for more than a moment.
 *
 * DETACH ... CONCURRENTLY is not for tables with a default partition. A plain DROP locks the table until its COMMIT, but
 * that is a few milliseconds: the files are removed after the locks are released.
 */
export async function dropPartition(
  dataSource: DataSource,
  partition: PartitionName,
  mayDrop: MayDrop = () => Promise.resolve(true),
): Promise<DropResult> {
  for (let tried = 1; ; tried++) {
    try {
      await assertUnused(dataSource, partition);
      return (await dropNow(dataSource, partition, mayDrop)) ? 'dropped' : 'kept';
    } catch (error) {
      if (isUndefinedTable(error)) {
        return 'gone';
      }
      if (!isLockTimeout(error)) {
        throw error;
      }
      if (tried === TRIES) {
        return 'busy';
      }
    }
    await delay(PAUSE_MS);
  }
}

/** Fails at once while somebody reads the partition or a vacuum is at it: to wait for them holding the table would be bad. */
async function assertUnused(dataSource: DataSource, { name }: PartitionName): Promise<void> {
  await dataSource.transaction((manager) => manager.query(`LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE NOWAIT`));
}

function dropNow(dataSource: DataSource, { name, table }: PartitionName, mayDrop: MayDrop): Promise<boolean> {
  return dataSource.transaction(async (manager) => {
    await manager.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    // First the table, as every statement on it does, and not its partitions, or two could wait for each other.
    await manager.query(`LOCK TABLE ONLY ${table} IN ACCESS EXCLUSIVE MODE`);
    if (!(await mayDrop(manager))) {
      return false;
    }
    await manager.query(`DROP TABLE ${name}`);
    return true;
  });
}
