import fc from 'fast-check';
import { WaitingQueue } from './waiting-queue';

function push(queue: WaitingQueue<number, void>, item: number, size: number): void {
  queue.push({ item, size, submittedAt: 0, resolve: () => undefined, reject: () => undefined, next: undefined });
}

describe('WaitingQueue', () => {
  it('behaves like an array under any mix of pushes and batches', () => {
    const steps = fc.oneof(
      fc.record({ size: fc.nat({ max: 10 }) }),
      fc.record({ maxItems: fc.integer({ min: 1, max: 5 }), maxBytes: fc.integer({ min: 1, max: 20 }) }),
    );
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 60 }), (script) => {
        const queue = new WaitingQueue<number, void>();
        let model: { item: number; size: number }[] = [];
        script.forEach((step, item) => {
          if ('size' in step) {
            push(queue, item, step.size);
            model.push({ item, size: step.size });
          } else {
            const batch = queue.takeBatch(step.maxItems, step.maxBytes);
            expect(batch.map((entry) => entry.item)).toEqual(model.slice(0, batch.length).map((entry) => entry.item));
            expect(batch.length === 0).toBe(model.length === 0);
            model = model.slice(batch.length);
          }
          expect(queue.length).toBe(model.length);
          expect(queue.bytes).toBe(model.reduce((sum, entry) => sum + entry.size, 0));
          expect(queue.oldest?.item).toBe(model[0]?.item);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('lets a taken entry keep nothing else alive', () => {
    const queue = new WaitingQueue<number, void>();
    [1, 2, 3].forEach((item) => push(queue, item, 0));
    expect(queue.takeBatch(2, Infinity).map((entry) => entry.next)).toEqual([undefined, undefined]);
  });
});
