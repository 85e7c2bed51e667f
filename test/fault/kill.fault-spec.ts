import { setTimeout as sleep } from 'node:timers/promises';
import { explainingKill, type Kill, type Repetition } from './delivery-log';
import { reportCase, table } from './report';
import { IS_SHORT } from './short';
import { Workload } from './workload';
import { eventually } from '../support/eventually';
import { type PosthornProcess, spawnPosthorn } from '../support/posthorn-process';

const ROUNDS = Number(process.env['POSTHORN_KILL_ROUNDS'] ?? (IS_SHORT ? 10 : 50));
/** In one round of this many, the server is killed again while it starts. */
const START_KILL_EVERY = 5;
/** A start is killed at a random point of this time: some before the folder is locked, some after the adoption. */
const START_KILL_WITHIN_MS = 2_000;
/** An outcome that is older than this must have been recorded, on a machine however busy. */
const RECORDING_MS = 1_000;
/**
 * What a killed process had sent is read within this time (on a busy machine the kernel and the receiver are late); its
 * successor sends nothing before it has loaded its modules, which takes longer.
 */
const LAST_BYTES_MS = 500;
const DELIVERED_TIMEOUT_MS = 60_000;
const REPEATED_POSTS = 100;

interface Round {
  round: number;
  'ran, ms': number;
  'start killed after, ms': number | '';
  'ready after, ms': number;
  acked: number;
  'in flight at the kill': number;
  duplicates: number;
}

describe(`killing an embedded Posthorn ${ROUNDS} times under load`, () => {
  const kills: Kill[] = [];
  /** The round of each kill. */
  const roundOfKill: Round[] = [];
  const rounds: Round[] = [];
  let load: Workload;

  beforeAll(
    async () => {
      load = await Workload.start(['/flaky']);
      load.sender.start();
      for (let round = 1; round <= ROUNDS; round++) {
        await runRound(round);
      }
      await load.stopPosting();
    },
    ROUNDS * 15_000 + 60_000,
  );

  afterAll(() => load?.close(), 60_000);

  it('delivers every acked message to each of its endpoints', async () => {
    expect(load.sender.acked.length).toBeGreaterThan(ROUNDS * 20);
    await eventually(() => expect(load.undelivered().slice(0, 10)).toEqual([]), DELIVERED_TIMEOUT_MS, 250);
  }, 90_000);

  it('records exactly one successful attempt for each of them', async () => {
    await eventually(async () => expect((await load.wronglyRecorded()).slice(0, 10)).toEqual([]), 20_000, 1_000);
  }, 60_000);

  it('makes one message of a post that is repeated with its idempotency key', () => {
    const { messages } = load.sender;
    const repeated = messages.filter((message) => message.isRepeated && message.posts > 1);
    const doubled = messages.filter((message) => load.log.idsOf(message.sequence).length > 1);

    expect(repeated.length).toBeGreaterThanOrEqual(ROUNDS >= 20 ? 1 : 0);
    expect(doubled).toEqual([]);
  });

  it('answers a repeated post with the message that it made before the kills', async () => {
    const { acked } = load.sender;
    const every = Math.ceil(acked.length / REPEATED_POSTS);
    const changed: string[] = [];
    for (const message of acked.filter((_message, index) => index % every === 0)) {
      const id = await load.sender.repeat(message);
      if (id !== message.id) {
        changed.push(`${message.id} became ${id}`);
      }
    }

    expect(changed).toEqual([]);
  }, 60_000);

  it('delivers twice only what was not recorded when a kill came', async () => {
    const unexplained = load.log.repetitions().filter((one) => explainingKill(one, kills, RECORDING_MS) === -1);
    await report();

    expect(unexplained.slice(0, 10).map(describeRepetition)).toEqual([]);
  });

  it('refuses no post while it runs', () => {
    expect([...load.sender.failures.keys()].filter((kind) => kind.startsWith('status'))).toEqual([]);
  });

  it('stops cleanly in the end', async () => {
    expect(await load.server.stop()).toEqual({ code: 0, signal: null });
  }, 30_000);

  async function runRound(number: number): Promise<void> {
    const ackedBefore = load.sender.acked.length;
    load.sender.moveTo(load.server.url);
    const runMs = 200 + Math.random() * 1_000;
    await sleep(runMs);
    const inFlight = load.receiver.inFlight;
    const round: Round = {
      round: number,
      'ran, ms': Math.round(runMs),
      'start killed after, ms': '',
      'ready after, ms': 0,
      acked: 0,
      'in flight at the kill': inFlight,
      duplicates: 0,
    };
    rounds.push(round);
    await kill(load.server, round);
    if (number % START_KILL_EVERY === 0) {
      await killStart(round);
    }
    await load.restart();
    round['ready after, ms'] = load.server.readyAfterMs;
    round.acked = load.sender.acked.length - ackedBefore;
  }

  async function killStart(round: Round): Promise<void> {
    const starting = spawnPosthorn({ env: load.env });
    const afterMs = Math.random() * START_KILL_WITHIN_MS;
    await sleep(afterMs);
    round['start killed after, ms'] = Math.round(afterMs);
    await kill(starting, round);
  }

  async function kill(server: PosthornProcess, round: Round): Promise<void> {
    const killedAt = Date.now();
    server.kill('SIGKILL');
    load.sender.moveTo(undefined);
    expect(await server.waitExit()).toEqual({ code: null, signal: 'SIGKILL' });
    kills.push({ killedAt, goneAt: Date.now() + LAST_BYTES_MS });
    roundOfKill.push(round);
  }

  function describeRepetition({ messageId, path, first, second }: Repetition): string {
    const before = kills.findIndex(({ goneAt }) => goneAt > first.at);
    const times = [kills[before - 1], kills[before]].map((kill) => `${first.at - (kill?.killedAt ?? 0)} ms`);
    return `${messageId} to ${path}, ${times.join(' and ')} after kills ${before} and ${before + 1}, repeated after ${second.at - first.at} ms`;
  }

  async function report(): Promise<void> {
    const unrecordedMs: number[] = [];
    for (const repetition of load.log.repetitions()) {
      const index = explainingKill(repetition, kills, RECORDING_MS);
      const round = roundOfKill[index];
      if (round) {
        round.duplicates += 1;
        unrecordedMs.push((kills[index]?.killedAt ?? 0) - repetition.first.at - repetition.first.answerAfterMs);
      }
    }
    unrecordedMs.sort((a, b) => a - b);
    process.stdout.write(table(rounds));
    const readyAfter = rounds.map((round) => round['ready after, ms']).sort((a, b) => a - b);
    await reportCase(
      load.summary('kill -9 under load', {
        kills: kills.length,
        inFlightAtKills: rounds.reduce((total, round) => total + round['in flight at the kill'], 0),
        medianReadyAfterMs: readyAfter[Math.floor(readyAfter.length / 2)],
        longestReadyAfterMs: readyAfter.at(-1),
        medianUnrecordedMs: unrecordedMs[Math.floor(unrecordedMs.length / 2)],
        longestUnrecordedMs: unrecordedMs.at(-1),
        rounds,
      }),
    );
  }
});
