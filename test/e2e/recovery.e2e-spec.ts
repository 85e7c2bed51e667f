import { newId } from '@libs/sortable-id/sortable-id';
import { eventually } from '../support/eventually';
import { type Receiver, startReceiver } from '../support/receiver';
import { Scene } from '../support/scene';
import { createTestDatabase, type TestDatabase } from '../support/test-database';

const MESSAGES = 60;

jest.setTimeout(60_000);

/** What a test of a stop and a new start needs: a database and a receiver that outlive the program. */
class World {
  private constructor(
    private readonly database: TestDatabase,
    readonly receiver: Receiver,
  ) {}

  static async make(): Promise<World> {
    return new World(await createTestDatabase(), await startReceiver());
  }

  start(env: Record<string, string> = {}): Promise<Scene> {
    return Scene.start({ RETRY_SCHEDULE: '1,1', ...env }, this.database);
  }

  async end(): Promise<void> {
    await this.receiver.close();
    await this.database.drop();
  }

  idsAt(path: string): unknown[] {
    return this.receiver.requestsTo(path).map(({ headers }) => headers['svix-id']);
  }
}

/** Customers of a scene point to the receiver of the world, which outlives it. */
async function newCustomer(world: World, scene: Scene): Promise<{ appId: string; endpointId: string; path: string }> {
  const path = scene.newPath();
  const { appId, endpointId } = await scene.newCustomer({ url: world.receiver.url + path }, path);
  return { appId, endpointId, path };
}

async function nothingLeft(scene: Scene): Promise<void> {
  await eventually(async () => {
    const [row] = await scene.sql(
      'SELECT (SELECT count(*) FROM dispatch)::int AS dispatches, (SELECT count(*) FROM pending_delivery)::int AS pending',
    );
    expect(row).toEqual({ dispatches: 0, pending: 0 });
  }, 15_000);
}

describe('a program that is stopped and started again', () => {
  let world: World;

  beforeEach(async () => {
    world = await World.make();
  });

  afterEach(() => world.end());

  it('in the middle of slow deliveries loses none, and repeats none', async () => {
    const first = await world.start();
    const { appId, path } = await newCustomer(world, first);
    world.receiver.script(path, { delayMs: 400 });
    const ids = await Promise.all(Array.from({ length: MESSAGES * 4 }, () => first.send(appId)));
    await world.receiver.waitFor(() => world.receiver.requestsTo(path).length >= 64);
    await first.stop();

    const arrived = world.idsAt(path);
    expect(arrived.length).toBeLessThan(ids.length);
    const second = await world.start();
    await nothingLeft(second);
    await second.stop();
    expect(world.idsAt(path).sort()).toEqual([...ids].sort());
  });

  it('while messages are posted keeps every one that was answered with 202', async () => {
    const first = await world.start();
    const { appId, path } = await newCustomer(world, first);
    const accepted: string[] = [];
    let isStopping = false;
    const poster = async (): Promise<void> => {
      for (;;) {
        try {
          accepted.push(await first.send(appId));
        } catch {
          // Refused: the connection, or the database on its way out.
          if (isStopping) {
            return;
          }
        }
      }
    };
    const posters = Promise.all(Array.from({ length: 8 }, poster));
    await eventually(() => expect(accepted.length).toBeGreaterThan(100));
    isStopping = true;
    await first.stop();
    await posters;

    const second = await world.start();
    await nothingLeft(second);
    const arrived = new Set(world.idsAt(path));
    await second.stop();
    expect(accepted.filter((id) => !arrived.has(id))).toEqual([]);
  });

  it('goes on with retries that became due meanwhile, at once', async () => {
    const first = await world.start({ RETRY_SCHEDULE: '1,3600' });
    const { appId, path } = await newCustomer(world, first);
    world.receiver.script(path, [{ status: 500 }, {}]);
    const id = await first.send(appId);
    await eventually(async () => expect(await first.attempts(appId, id)).toHaveLength(1));
    await first.stop();
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(world.idsAt(path)).toEqual([id]);

    const second = await world.start({ RETRY_SCHEDULE: '1,3600' });
    const startedAt = Date.now();
    await world.receiver.waitFor(2);
    expect(Date.now() - startedAt).toBeLessThan(1_000);
    await eventually(async () =>
      expect((await second.attempts(appId, id)).map((attempt) => attempt.status)).toEqual([2, 0]),
    );
    await second.stop();
  });

  it('does at once what a killed process had claimed', async () => {
    const first = await world.start();
    const { appId, endpointId, path } = await newCustomer(world, first);
    const id = await first.send(appId);
    await eventually(async () => expect(await first.attempts(appId, id)).toHaveLength(1));
    await first.sql(
      `INSERT INTO pending_delivery (message_id, endpoint_id, is_manual, app_id, attempt_number, due_at, claim)
       VALUES ($1, $2, false, $3, 1, now() + interval '1 hour', 'somebody who died')`,
      [id, endpointId, appId],
    );
    await first.stop();

    const second = await world.start();
    await world.receiver.waitFor(() => world.idsAt(path).length === 2);
    await nothingLeft(second);
    await second.stop();
  });

  it('keeps what it knows of failing endpoints up to its last moment', async () => {
    const first = await world.start();
    const { appId, endpointId, path } = await newCustomer(world, first);
    world.receiver.script(path, { status: 500, delayMs: 300 });
    await first.send(appId);
    await world.receiver.waitFor(1);
    await first.stop();

    const second = await world.start();
    const [row] = await second.sql('SELECT failing_since AS since FROM endpoint WHERE id = $1', [endpointId]);
    await second.stop();
    expect(row).toEqual({ since: expect.any(Date) });
  });
});

describe('a batch whose hand-over was lost', () => {
  let world: World;

  beforeEach(async () => {
    world = await World.make();
  });

  afterEach(() => world.end());

  it('is found and delivered, to the endpoints that did not get it', async () => {
    const scene = await world.start();
    const { appId, path } = await newCustomer(world, scene);
    const delivered = await scene.send(appId);
    await nothingLeft(scene);
    const other = scene.newPath();
    await scene.newEndpoint(appId, { url: world.receiver.url + other });
    const lost = newId('msg', Date.now());
    await scene.sql(
      `INSERT INTO message (id, app_id, event_type, payload, payload_expires_at)
       VALUES ($1, $2, 'a', '{"lost":true}', now() + interval '1 day')`,
      [lost, appId],
    );
    await scene.sql('INSERT INTO dispatch (id, app_ids, message_ids) VALUES ($1, $2, $3)', [
      newId('dsp', Date.now() - 20_000),
      [appId, appId],
      [delivered, lost],
    ]);

    await nothingLeft(scene);
    expect(world.idsAt(path)).toEqual([delivered, lost]);
    expect(world.idsAt(other).sort()).toEqual([delivered, lost].sort());
    await scene.stop();
  });

  it('ends when its messages are gone', async () => {
    const scene = await world.start();
    const { appId, path } = await newCustomer(world, scene);
    await scene.sql('INSERT INTO dispatch (id, app_ids, message_ids) VALUES ($1, $2, $3)', [
      newId('dsp', Date.now() - 20_000),
      [appId],
      [newId('msg', Date.now())],
    ]);

    await nothingLeft(scene);
    expect(world.idsAt(path)).toEqual([]);
    await scene.stop();
  });
});
