import { type PageView, Scene } from '../support/scene';

interface Listed {
  id: string;
  timestamp: string;
}

describe('the list of messages', () => {
  let scene: Scene;
  let appId: string;
  /** Oldest first; number n has type `type-(n mod 3)`, channel `even` or `odd`, tags `tag-n`, and `first` below 4. */
  const ids: string[] = [];
  const times: number[] = [];

  beforeAll(async () => {
    scene = await Scene.start();
    appId = (await scene.svix.application.create({ name: 'customer' })).id;
    for (let n = 0; n < 9; n++) {
      const id = await scene.send(appId, {
        eventType: `type-${n % 3}`,
        channels: [n % 2 === 0 ? 'even' : 'odd', 'all'],
        tags: [`tag-${n}`, ...(n < 4 ? ['first'] : [])],
        payload: { n },
      });
      ids.push(id);
      times.push(
        Date.parse((await scene.ok<Listed & Record<string, unknown>>('GET', `/app/${appId}/msg/${id}`)).timestamp),
      );
      await new Promise((resolve) => setTimeout(resolve, 12));
    }
  }, 60_000);

  afterAll(() => scene.stop());

  const list = (query = ''): Promise<PageView<Listed>> => scene.ok('GET', `/app/${appId}/msg${query}`);
  const numbers = async (query = ''): Promise<number[]> => (await list(query)).data.map(({ id }) => ids.indexOf(id));
  const timeOf = (n: number): string => encodeURIComponent(new Date(times[n] ?? 0).toISOString());

  it('is newest first', async () => {
    expect(await numbers()).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  it('goes forwards and back by its iterators', async () => {
    const first = await list('?limit=4');
    expect(first).toMatchObject({ iterator: ids[5], done: false });
    expect(first.prevIterator).toBeUndefined();
    const second = await list(`?limit=4&iterator=${first.iterator}`);
    expect(second).toMatchObject({ iterator: ids[1], prevIterator: `-${ids[4]}`, done: false });
    const third = await list(`?limit=4&iterator=${second.iterator}`);
    expect(third.data.map(({ id }) => id)).toEqual([ids[0]]);
    expect(third).toMatchObject({ iterator: ids[0], prevIterator: `-${ids[0]}`, done: true });
    expect(await list(`?limit=4&iterator=${third.iterator}`)).toEqual({ data: [], iterator: null, done: true });

    const back = await list(`?limit=4&iterator=${third.prevIterator}`);
    expect(back.data).toEqual(second.data);
    const start = await list(`?limit=4&iterator=${back.prevIterator}`);
    expect(start.data).toEqual(first.data);
    expect(start.done).toBe(true);
  });

  it('is done just when there is no more', async () => {
    expect((await list('?limit=9')).done).toBe(true);
    expect((await list('?limit=8')).done).toBe(false);
  });

  it.each([
    ['channel=even', [8, 6, 4, 2, 0]],
    ['channel=nothing', []],
    ['tag=tag-3', [3]],
    ['tag=first', [3, 2, 1, 0]],
    ['tag=first&channel=odd', [3, 1]],
    ['event_types=type-1', [7, 4, 1]],
    ['event_types=type-1,type-2', [8, 7, 5, 4, 2, 1]],
    ['event_types=type-1&event_types=type-2', [8, 7, 5, 4, 2, 1]],
    ['event_types[]=type-1&event_types[]=type-2', [8, 7, 5, 4, 2, 1]],
    ['event_types[0]=type-1&event_types[1]=type-2', [8, 7, 5, 4, 2, 1]],
    ['event_types%5B%5D=type-1', [7, 4, 1]],
    ['event_types=type-1&channel=even&tag=tag-4', [4]],
    ['unknown=field', [8, 7, 6, 5, 4, 3, 2, 1, 0]],
  ])('filters by %s', async (query, expected) => {
    expect(await numbers(`?${query}`)).toEqual(expected);
  });

  it('filters pages, not after the page was cut', async () => {
    const page = await list('?channel=even&limit=2');
    expect(page.data.map(({ id }) => ids.indexOf(id))).toEqual([8, 6]);
    expect(await numbers(`?channel=even&limit=2&iterator=${page.iterator}`)).toEqual([4, 2]);
  });

  it('is bounded by before and after, with offsets and many decimals too', async () => {
    expect(await numbers(`?before=${timeOf(3)}`)).toEqual([2, 1, 0]);
    expect(await numbers(`?after=${timeOf(6)}&before=${timeOf(8)}`)).toEqual([7, 6]);
    expect(await numbers(`?before=${timeOf(6)}&limit=2`)).toEqual([5, 4]);
    const offset = new Date((times[3] ?? 0) + 7_200_000).toISOString().replace('Z', '123456+02:00');
    expect(await numbers(`?before=${encodeURIComponent(offset)}`)).toEqual([2, 1, 0]);
    expect(await numbers('?before=1970-01-01T00:00:00Z')).toEqual([]);
    expect(await numbers('?after=9999-12-31T23:59:59Z')).toEqual([]);
  });

  it('begins at the time of a lone after, and goes on towards the present', async () => {
    const first = await list(`?after=${timeOf(2)}&limit=3`);
    expect(first.data.map(({ id }) => ids.indexOf(id))).toEqual([4, 3, 2]);
    expect(first.done).toBe(false);

    const second = await list(`?after=${timeOf(2)}&limit=3&iterator=${first.prevIterator}`);
    expect(second.data.map(({ id }) => ids.indexOf(id))).toEqual([7, 6, 5]);
    const third = await list(`?after=${timeOf(2)}&limit=3&iterator=${second.prevIterator}`);
    expect(third.data.map(({ id }) => ids.indexOf(id))).toEqual([8]);
    expect(third.done).toBe(true);
  });

  it.each([
    ['limit=251', 422],
    ['limit=x', 400],
    ['limit=1&limit=2', 400],
    ['before=yesterday', 400],
    ['after=2026-01-01', 400],
    ['with_content=1', 400],
    ['event_types=', 422],
    ['event_types=a%20b', 422],
    ['channel=a%20b', 422],
    ['tag=%00', 422],
    ['iterator=msg_x', 422],
    ['iterator=ep_2mXLPKqXdU5bY8rVvY6jvBEuCbD', 422],
  ])('refuses %s', async (query, status) => {
    expect((await scene.call('GET', `/app/${appId}/msg?${query}`)).status).toBe(status);
  });
});
