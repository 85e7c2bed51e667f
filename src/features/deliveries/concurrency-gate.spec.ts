import fc from 'fast-check';
import { ConcurrencyGate, type Ticket } from './concurrency-gate';

describe('ConcurrencyGate', () => {
  it('lets in as many as fit, and the rest in the order in which they came', () => {
    const gate = new ConcurrencyGate(2);
    const started: number[] = [];
    for (const n of [1, 2, 3, 4]) {
      gate.enter('a', () => started.push(n));
    }
    expect(started).toEqual([1, 2]);

    gate.leave('a', 'other');
    expect(started).toEqual([1, 2, 3]);
    gate.leave('a', 'other');
    expect(started).toEqual([1, 2, 3, 4]);
    expect(gate.inFlight('a')).toBe(2);
  });

  it('counts what takes several places as that many, and lets it in with the first free one', () => {
    const gate = new ConcurrencyGate(4);
    const started: string[] = [];
    gate.enter('a', () => started.push('small'), 1);
    gate.enter('a', () => started.push('large'), 10);
    gate.enter('a', () => started.push('next'), 2);
    gate.enter('a', () => started.push('last'), 3);
    expect([started, gate.inFlight('a'), gate.waiting('a')]).toEqual([['small', 'large'], 11, 5]);

    gate.leave('a', 'other', 1);
    expect(started).toHaveLength(2);
    gate.leave('a', 'other', 10);
    expect([started.slice(2), gate.inFlight('a'), gate.waiting('a')]).toEqual([['next', 'last'], 5, 0]);
  });

  it('keeps keys apart', () => {
    const gate = new ConcurrencyGate(1);
    expect(gate.tryEnter('a')).toBe(true);
    expect(gate.tryEnter('a')).toBe(false);
    expect(gate.tryEnter('b')).toBe(true);
    gate.leave('a', 'other');
    expect(gate.tryEnter('a')).toBe(true);
  });

  it('skips who gave up, and says whether it was too late', () => {
    const gate = new ConcurrencyGate(1);
    const started: string[] = [];
    const first = gate.enter('a', () => started.push('first'));
    const second = gate.enter('a', () => started.push('second'));
    gate.enter('a', () => started.push('third'));

    expect(first.cancel()).toBe(false);
    expect(second.cancel()).toBe(true);
    expect(second.cancel()).toBe(false);
    gate.leave('a', 'other');
    expect(started).toEqual(['first', 'third']);
  });

  it('halves what is under way for who is overloaded, and gives it back one by one', () => {
    const gate = new ConcurrencyGate(16);
    const fill = (): number => {
      let entered = 0;
      while (gate.tryEnter('a')) {
        entered++;
      }
      return entered;
    };
    expect(fill()).toBe(16);
    gate.leave('a', 'overloaded');
    expect(fill()).toBe(0);
    for (let n = 0; n < 7; n++) {
      gate.leave('a', 'other');
    }
    expect(gate.inFlight('a')).toBe(8);
    expect(fill()).toBe(0);
    gate.leave('a', 'accepted');
    expect(fill()).toBe(2);
    expect(gate.inFlight('a')).toBe(9);
  });

  it('always leaves one place', () => {
    const gate = new ConcurrencyGate(4);
    for (let n = 0; n < 10; n++) {
      expect(gate.tryEnter('a')).toBe(true);
      gate.leave('a', 'overloaded');
    }
    expect(gate.tryEnter('a')).toBe(true);
    expect(gate.tryEnter('a')).toBe(false);
  });

  it('remembers that a key is overloaded while nothing is under way', () => {
    const gate = new ConcurrencyGate(4);
    gate.tryEnter('a');
    gate.leave('a', 'overloaded');

    gate.tryEnter('a');
    expect(gate.tryEnter('a')).toBe(false);
  });

  it('never lets in more than the limit, loses nobody, and starts everybody in order', () => {
    const action = fc.constantFrom('enter', 'cancel', 'accepted', 'overloaded', 'other' as const);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(action, { maxLength: 200 }), (max, actions) => {
        const gate = new ConcurrencyGate(max);
        const started: number[] = [];
        const cancelled = new Set<number>();
        const tickets: Ticket[] = [];
        let entered = 0;
        for (const what of actions) {
          if (what === 'enter') {
            const n = entered++;
            tickets.push(gate.enter('a', () => started.push(n)));
          } else if (what === 'cancel') {
            const n = entered - 1;
            if (tickets[n]?.cancel() === true) {
              cancelled.add(n);
            }
          } else if (gate.inFlight('a') > 0) {
            gate.leave('a', what);
          }
          expect(gate.inFlight('a')).toBeLessThanOrEqual(max);
        }
        while (gate.inFlight('a') > 0) {
          gate.leave('a', 'other');
        }
        expect(started).toEqual(Array.from({ length: entered }, (_, n) => n).filter((n) => !cancelled.has(n)));
      }),
    );
  });
});
