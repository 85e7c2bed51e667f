import { PendingChanges, type PendingInsert } from './pending-changes';

const KEY = { messageId: 'msg_1', endpointId: 'ep_1', isManual: false };
const INSERT: PendingInsert = {
  ...KEY,
  appId: 'app_1',
  attemptNumber: 0,
  dueAtMs: 1_000,
  claim: 'batch',
  dispatchId: 'batch',
};

describe('PendingChanges', () => {
  it('is empty until something changes', () => {
    const changes = new PendingChanges();
    expect(changes.isEmpty).toBe(true);
    changes.delete({ ...KEY, claim: 'x' });
    expect(changes.isEmpty).toBe(false);
  });

  it('folds the next step of a row into its insert', () => {
    const changes = new PendingChanges();
    changes.insert(INSERT);
    changes.update({ ...KEY, claim: 'batch', dueAtMs: 5_000, attemptNumber: 1 });

    expect(changes.list()).toEqual({
      inserts: [{ ...INSERT, dueAtMs: 5_000, attemptNumber: 1, claim: null }],
      updates: [],
      deletes: [],
    });
  });

  it('forgets a row whose end comes with its insert', () => {
    const changes = new PendingChanges();
    changes.insert(INSERT);
    changes.delete({ ...KEY, claim: 'batch' });

    expect(changes.isEmpty).toBe(true);
  });

  it('leaves an insert alone when another claim changes the row', () => {
    const changes = new PendingChanges();
    changes.insert(INSERT);
    changes.update({ ...KEY, claim: 'other', dueAtMs: 5_000, attemptNumber: 1 });
    changes.delete({ ...KEY, claim: 'other' });

    expect(changes.list()).toEqual({ inserts: [INSERT], updates: [], deletes: [{ ...KEY, claim: 'other' }] });
  });

  it('keeps the last step of a row, and nothing but its end', () => {
    const changes = new PendingChanges();
    changes.update({ ...KEY, claim: 'a', dueAtMs: 1, attemptNumber: 1 });
    changes.update({ ...KEY, claim: 'a', dueAtMs: 2, attemptNumber: 2 });
    expect(changes.list().updates).toEqual([{ ...KEY, claim: 'a', dueAtMs: 2, attemptNumber: 2 }]);

    changes.delete({ ...KEY, claim: 'a' });
    expect(changes.list()).toEqual({ inserts: [], updates: [], deletes: [{ ...KEY, claim: 'a' }] });
  });

  it('keeps the automatic delivery and the resend of a message apart', () => {
    const changes = new PendingChanges();
    changes.insert(INSERT);
    changes.delete({ ...KEY, isManual: true, claim: 'batch' });

    expect(changes.list().inserts).toEqual([INSERT]);
    expect(changes.list().deletes).toHaveLength(1);
  });
});
