import { InitialSchema1764000000000 } from './migrations/1764000000000-initial-schema';
import { RetentionAndStatistics1764100000000 } from './migrations/1764100000000-retention-and-statistics';

/** Every migration, in order. Expand first, contract in a later release; each can be undone. */
export const MIGRATIONS = [InitialSchema1764000000000, RetentionAndStatistics1764100000000];
