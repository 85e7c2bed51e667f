import { type DeliveryEndpoint } from '@/features/endpoints/endpoints.types';
import { type AttemptRecorder, type RecordStep } from './attempt-recorder';
import { type AttemptResult, type AttemptRunner } from './attempt-runner';
import { ConcurrencyGate } from './concurrency-gate';
import { type Delivery } from './deliveries.types';
import { DispatchBatch } from './dispatch-batch';
import { PendingChanges } from './pending-changes';

const NOW_MS = 1_000_000;
const VISIBILITY_MS = 30_000;
const SUCCESS: AttemptResult = { outcome: outcomeOf(true), next: undefined };
const FAILURE: AttemptResult = { outcome: outcomeOf(false), next: { dueAtMs: NOW_MS + 5_000, attemptNumber: 1 } };

function outcomeOf(isSuccess: boolean): AttemptResult['outcome'] {
  return {
    id: 'atmpt_1',
    isSuccess,
    statusCode: isSuccess ? 200 : 500,
    response: Buffer.of(),
    durationMs: 1,
    label: 'x',
    finishedAtMs: NOW_MS,
  };
}

function deliveryTo(endpointId: string, messageId = 'msg_1'): Delivery {
  return {
    message: { id: messageId, appId: 'app_1', eventType: 'a', channels: null, payload: Buffer.of(), deliverAtMs: null },
    endpoint: { id: endpointId } as DeliveryEndpoint,
    attemptNumber: 0,
    isManual: false,
  };
}

/** Attempts that end when the test says so. */
class FakeRunner {
  readonly gate: ConcurrencyGate;
  readonly started: Delivery[] = [];
  readonly elsewhere = new Set<string>();
  private readonly finishing = new Map<Delivery, (result: AttemptResult) => void>();

  constructor(maxPerEndpoint: number) {
    this.gate = new ConcurrencyGate(maxPerEndpoint);
  }

  mustWait(messageId: string, endpointId: string): boolean {
    return this.elsewhere.has(`${messageId} ${endpointId}`);
  }

  run(delivery: Delivery): Promise<AttemptResult> {
    this.started.push(delivery);
    return new Promise((resolve) => this.finishing.set(delivery, resolve));
  }

  finish(delivery: Delivery, result: AttemptResult): void {
    this.gate.leave(delivery.endpoint.id, 'other');
    this.finishing.get(delivery)?.(result);
  }
}

/** Keeps the steps; refuses those that `isRefused` names. */
class FakeRecorder {
  readonly steps: RecordStep[] = [];
  isRefused: (step: RecordStep) => boolean = () => false;

  async submit(step: RecordStep): Promise<void> {
    if (this.isRefused(step)) {
      throw new Error('too much waits');
    }
    this.steps.push(step);
  }

  /** What the steps add up to in one transaction. */
  get changes(): ReturnType<PendingChanges['list']> {
    const pending = new PendingChanges();
    this.steps.forEach((step) => step.change?.(pending));
    return pending.list();
  }

  get attempted(): string[] {
    return this.steps.flatMap(({ attempt }) => (attempt === undefined ? [] : [attempt.delivery.endpoint.id]));
  }

  get finishes(): number[] {
    return this.steps.flatMap(({ finishesDispatch }, index) => (finishesDispatch === undefined ? [] : [index]));
  }
}

describe('DispatchBatch', () => {
  let runner: FakeRunner;
  let recorder: FakeRecorder;
  let budget: ConcurrencyGate;
  let due: number[];
  let nowMs: number;

  beforeEach(() => {
    nowMs = NOW_MS;
    jest.useFakeTimers();
    runner = new FakeRunner(2);
    recorder = new FakeRecorder();
    budget = new ConcurrencyGate(10);
    due = [];
  });

  afterEach(() => jest.useRealTimers());

  const makeBatch = (): DispatchBatch =>
    new DispatchBatch('dsp_1', {
      runner: runner as unknown as AttemptRunner,
      budget,
      recorder: recorder as unknown as AttemptRecorder,
      now: () => nowMs,
      visibilityMs: VISIBILITY_MS,
      onDue: (dueAtMs) => due.push(dueAtMs),
    });

  const flush = (): Promise<void> => jest.advanceTimersByTimeAsync(0);

  it('without deliveries only removes its dispatch row', async () => {
    await makeBatch().run([], [], 1_000);

    expect(recorder.steps).toEqual([{ finishesDispatch: 'dsp_1' }]);
  });

  it('records each attempt as it ends, and the end of the batch with the last one', async () => {
    const [a, b] = [deliveryTo('ep_a'), deliveryTo('ep_b')];
    const run = makeBatch().run([a, b], [], 1_000);
    runner.finish(b, SUCCESS);
    await flush();
    expect(recorder.finishes).toEqual([]);
    runner.finish(a, SUCCESS);
    await run;

    expect(recorder.attempted).toEqual(['ep_b', 'ep_a']);
    expect(recorder.finishes).toEqual([1]);
    expect(recorder.changes).toEqual({ inserts: [], updates: [], deletes: [] });
    expect(budget.inFlight('')).toBe(0);
  });

  it('plans the retry of a failure, and tells when it is due', async () => {
    const delivery = deliveryTo('ep_a');
    const run = makeBatch().run([delivery], [], 1_000);
    runner.finish(delivery, FAILURE);
    await run;

    expect(recorder.changes.inserts).toEqual([
      {
        messageId: 'msg_1',
        endpointId: 'ep_a',
        isManual: false,
        appId: 'app_1',
        attemptNumber: 1,
        dueAtMs: NOW_MS + 5_000,
        claim: null,
        dispatchId: 'dsp_1',
      },
    ]);
    expect(due).toEqual([NOW_MS + 5_000]);
  });

  it('writes down what is to be delivered later before anything else', async () => {
    const later = { ...deliveryTo('ep_b'), dueAtMs: NOW_MS + 60_000 };
    await makeBatch().run([], [later], 1_000);

    expect(recorder.changes.inserts).toMatchObject([
      { endpointId: 'ep_b', attemptNumber: 0, dueAtMs: NOW_MS + 60_000 },
    ]);
    expect(recorder.finishes).toEqual([1]);
  });

  it('counts a large payload as several of the budget, and gives all of them back', async () => {
    const small = deliveryTo('ep_a', 'msg_1');
    const large = deliveryTo('ep_b', 'msg_2');
    large.message.payload = Buffer.alloc(300 * 1024);
    const run = makeBatch().run([small, large], [], 1_000);
    expect(budget.inFlight('')).toBe(4);

    runner.finish(small, SUCCESS);
    runner.finish(large, SUCCESS);
    await run;
    expect(budget.inFlight('')).toBe(0);
  });

  it('begins nothing after the process was asleep for longer than its soft deadline', async () => {
    const deliveries = ['msg_1', 'msg_2', 'msg_3'].map((id) => deliveryTo('ep_a', id));
    const run = makeBatch().run(deliveries, [], 1_000);
    nowMs += 60_000;
    runner.finish(deliveries[0] as Delivery, SUCCESS);
    await jest.advanceTimersByTimeAsync(1_000);
    await run;

    expect(runner.started.map(({ message }) => message.id)).toEqual(['msg_1', 'msg_2']);
    expect(recorder.changes.inserts.map(({ messageId, claim }) => [messageId, claim])).toEqual([
      ['msg_2', 'dsp_1'],
      ['msg_3', null],
    ]);
  });

  it('never waits for a slow endpoint longer than its soft deadline', async () => {
    const deliveries = ['msg_1', 'msg_2', 'msg_3'].map((id) => deliveryTo('ep_a', id));
    const run = makeBatch().run(deliveries, [], 1_000);
    await jest.advanceTimersByTimeAsync(999);
    expect(recorder.steps).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    await run;

    expect(runner.started.map(({ message }) => message.id)).toEqual(['msg_1', 'msg_2']);
    expect(recorder.finishes).toEqual([0]);
    expect(recorder.changes.inserts.map(({ messageId, claim, dueAtMs }) => [messageId, claim, dueAtMs])).toEqual([
      ['msg_1', 'dsp_1', NOW_MS + VISIBILITY_MS],
      ['msg_2', 'dsp_1', NOW_MS + VISIBILITY_MS],
      ['msg_3', null, NOW_MS + 1_000],
    ]);
    expect(due).toEqual([NOW_MS + 1_000]);
  });

  it('finishes under its claim what was under way at the deadline, and does not start what was waiting', async () => {
    const deliveries = ['msg_1', 'msg_2', 'msg_3'].map((id) => deliveryTo('ep_a', id));
    const run = makeBatch().run(deliveries, [], 1_000);
    await jest.advanceTimersByTimeAsync(1_000);
    await run;
    recorder.steps.length = 0;
    runner.finish(deliveries[0] as Delivery, SUCCESS);
    runner.finish(deliveries[1] as Delivery, FAILURE);
    await flush();

    expect(runner.started).toHaveLength(2);
    expect(recorder.changes.deletes).toMatchObject([{ messageId: 'msg_1', claim: 'dsp_1' }]);
    expect(recorder.changes.updates).toMatchObject([{ messageId: 'msg_2', claim: 'dsp_1', attemptNumber: 1 }]);
    expect(recorder.finishes).toEqual([]);
    expect([runner.gate.inFlight('ep_a'), budget.inFlight('')]).toEqual([0, 0]);
  });

  it('gives back the place at the endpoint of what waits for the budget', async () => {
    budget = new ConcurrencyGate(1);
    const [a, b] = [deliveryTo('ep_a'), deliveryTo('ep_b')];
    const run = makeBatch().run([a, b], [], 1_000);
    expect(runner.gate.inFlight('ep_b')).toBe(1);
    await jest.advanceTimersByTimeAsync(1_000);
    await run;

    expect(runner.started).toEqual([a]);
    expect(runner.gate.inFlight('ep_b')).toBe(0);
    runner.finish(a, SUCCESS);
    await flush();
    expect(runner.started).toEqual([a]);
  });

  it('does not start what is on its way already, and leaves it for later', async () => {
    runner.elsewhere.add('msg_1 ep_a');
    const run = makeBatch().run([deliveryTo('ep_a'), deliveryTo('ep_b')], [], 1_000);
    runner.finish(runner.started[0] as Delivery, SUCCESS);
    await jest.advanceTimersByTimeAsync(1_000);
    await run;

    expect(runner.started.map(({ endpoint }) => endpoint.id)).toEqual(['ep_b']);
    expect(recorder.changes.inserts).toMatchObject([{ endpointId: 'ep_a', claim: null, attemptNumber: 0 }]);
    expect([runner.gate.inFlight('ep_a'), budget.inFlight('')]).toEqual([0, 0]);
  });

  it('parks once, and not at all when everything has ended', async () => {
    const batch = makeBatch();
    const delivery = deliveryTo('ep_a');
    const run = batch.run([delivery], [], 1_000);
    batch.park();
    batch.park();
    await run;
    expect(recorder.steps).toHaveLength(1);

    const other = makeBatch();
    await other.run([], [], 1_000);
    recorder.steps.length = 0;
    other.park();
    expect(recorder.steps).toEqual([]);
  });

  it('keeps its dispatch row when an outcome was lost, so that the batch comes again', async () => {
    const [a, b] = [deliveryTo('ep_a'), deliveryTo('ep_b')];
    recorder.isRefused = ({ attempt }) => attempt?.delivery === a;
    const run = makeBatch().run([a, b], [], 1_000);
    const rejected = expect(run).rejects.toThrow('too much waits');
    runner.finish(a, FAILURE);
    await flush();
    await rejected;
    runner.finish(b, SUCCESS);
    await flush();

    expect(recorder.attempted).toEqual(['ep_b']);
    expect(recorder.finishes).toEqual([]);
  });
});
