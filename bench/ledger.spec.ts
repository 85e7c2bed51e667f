import { Ledger } from './ledger';

const clean = { failed: 0, lost: 0, duplicates: 0, mismatched: 0, unacknowledged: 0 };

describe('Ledger', () => {
  it('counts a delivery as lost when an acked message does not arrive', () => {
    const ledger = new Ledger(2);
    ledger.ack(ledger.post(0), 'msg_a', 1);
    ledger.ack(ledger.post(0), 'msg_b', 1);
    ledger.arrive(0, 0, 'msg_a', 2);
    ledger.arrive(0, 1, 'msg_a', 2);
    ledger.arrive(1, 1, 'msg_b', 2);

    expect(ledger.summary()).toEqual({ ...clean, posted: 2, acked: 2, deliveries: 3, lost: 1 });
    expect(ledger.outstanding).toBe(1);
  });

  it('counts the second arrival at the same endpoint as a duplicate', () => {
    const ledger = new Ledger(32);
    ledger.ack(ledger.post(0), 'msg_a', 1);
    for (let endpoint = 0; endpoint < 32; endpoint++) {
      ledger.arrive(0, endpoint, 'msg_a', 2);
    }
    ledger.arrive(0, 31, 'msg_a', 3);

    expect(ledger.summary()).toEqual({ ...clean, posted: 1, acked: 1, deliveries: 32, duplicates: 1 });
  });

  it('accepts an arrival before the ack and compares the ids', () => {
    const ledger = new Ledger(1);
    ledger.post(0);
    ledger.post(0);
    ledger.arrive(0, 0, 'msg_a', 1);
    ledger.arrive(1, 0, 'msg_wrong', 1);
    ledger.ack(0, 'msg_a', 2);
    ledger.ack(1, 'msg_b', 2);

    expect(ledger.summary()).toMatchObject({ acked: 2, lost: 0, mismatched: 1 });
  });

  it.each(['before', 'after'])('neither misses nor counts a failed post that arrives %s the failure', (order) => {
    const ledger = new Ledger(1);
    const sequence = ledger.post(0);
    if (order === 'before') {
      ledger.arrive(sequence, 0, 'msg_a', 1);
      ledger.fail(sequence);
    } else {
      ledger.fail(sequence);
      ledger.arrive(sequence, 0, 'msg_a', 1);
    }

    expect(ledger.summary()).toEqual({ ...clean, posted: 1, acked: 0, failed: 1, deliveries: 1, unacknowledged: 1 });
    expect(ledger.outstanding).toBe(0);
    expect(ledger.unanswered).toBe(0);
  });

  it('ignores numbers that were never posted', () => {
    const ledger = new Ledger(1);
    ledger.arrive(5, 0, 'msg_old', 1);
    ledger.arrive(NaN, 0, 'msg_old', 1);

    expect(ledger.deliveries).toBe(0);
  });

  it('measures the messages posted within the window, each until its last endpoint', () => {
    const ledger = new Ledger(2);
    [0, 10, 20].forEach((at) => ledger.ack(ledger.post(at), `msg_${at}`, at + 3));
    ledger.arrive(1, 0, 'msg_10', 12);
    ledger.arrive(1, 1, 'msg_10', 18);

    const { postToAck, postToArrival, ackToArrival } = ledger.latencies(10, 20);

    expect(postToAck).toMatchObject({ count: 1, max: 3 });
    expect(postToArrival).toMatchObject({ count: 1, max: 8 });
    expect(ackToArrival).toMatchObject({ count: 1, max: 5 });
  });

  it('keeps every message when it grows', () => {
    const ledger = new Ledger(1);
    const count = 150_000;
    for (let index = 0; index < count; index++) {
      ledger.ack(ledger.post(index), `msg_${index}`, index + 1);
    }
    for (let index = 0; index < count; index += 2) {
      ledger.arrive(index, 0, `msg_${index}`, index + 2);
    }

    expect(ledger.summary()).toEqual({ ...clean, posted: count, acked: count, deliveries: count / 2, lost: count / 2 });
    expect(ledger.latencies(0, count).postToArrival).toMatchObject({ count: count / 2, max: 2 });
    expect([...ledger.ackedIds()]).toHaveLength(count);
  });
});
