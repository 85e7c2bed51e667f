import { ByteBudget, type Holding } from './byte-budget';

describe('ByteBudget', () => {
  let budget: ByteBudget;
  let taken: Map<string, Holding>;

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  /** Asks, and waits for whatever follows. */
  async function ask(name: string, bytes: number): Promise<void> {
    void budget.take(bytes).then((holding) => taken.set(name, holding));
    await turn();
  }

  beforeEach(() => {
    budget = new ByteBudget(10);
    taken = new Map();
  });

  it('lets everybody in until the bound is reached, and the rest in turn', async () => {
    for (const name of ['a', 'b', 'c', 'd']) {
      await ask(name, 6);
    }
    expect([...taken.keys()]).toEqual(['a', 'b']);

    taken.get('a')?.release();
    await turn();
    expect([...taken.keys()]).toEqual(['a', 'b', 'c']);

    taken.get('b')?.release();
    taken.get('c')?.release();
    await turn();
    expect([...taken.keys()]).toEqual(['a', 'b', 'c', 'd']);
  });

  it('lets all in that fit when much becomes free at once', async () => {
    await ask('large', 10);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await ask(name, 3);
    }
    taken.get('large')?.release();
    await turn();

    expect([...taken.keys()]).toEqual(['large', 'a', 'b', 'c', 'd']);
  });

  it('goes by the bytes that became known later', async () => {
    await ask('a', 10);
    await ask('b', 10);
    taken.get('a')?.resize(2);
    await turn();
    expect([...taken.keys()]).toEqual(['a', 'b']);

    taken.get('b')?.resize(100);
    await ask('c', 1);
    expect(taken.has('c')).toBe(false);
  });

  it('counts what is taken without waiting', async () => {
    const holding = budget.hold(50);
    await ask('a', 1);
    expect(taken.has('a')).toBe(false);

    holding.release();
    holding.release();
    await turn();
    await ask('b', 9);
    await ask('c', 1);
    expect([...taken.keys()]).toEqual(['a', 'b']);
  });

  it('keeps nobody waiting once it is open', async () => {
    await ask('a', 10);
    await ask('b', 10);
    budget.open();
    await turn();
    await ask('c', 10);

    expect([...taken.keys()]).toEqual(['a', 'b', 'c']);
  });
});
