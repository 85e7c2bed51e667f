/** A queue by name, together with the type of its jobs. */
export interface QueueDefinition<Job> {
  readonly name: string;
  /** Roughly how many bytes a job takes. */
  bytesOf(job: Job): number;
  /** The job as text, for drivers that send it to another process. */
  encode(job: Job): string;
  /** The job that `encode` made the text of. */
  decode(text: string): Job;
}

/** Names a queue and the type of its jobs; they travel as JSON unless `codec` knows better. */
export function defineQueue<Job>(
  name: string,
  bytesOf: (job: Job) => number,
  codec: Pick<QueueDefinition<Job>, 'encode' | 'decode'> = { encode: JSON.stringify, decode: JSON.parse },
): QueueDefinition<Job> {
  return { name, bytesOf, ...codec };
}

/** How a queue is worked on. */
export interface ConsumeOptions {
  /** Most jobs under way at once in this process. */
  concurrency: number;
}

/**
 * Hands work from one role to another. At least once, or not at all: whoever adds a job must have written down durably
 * what it stands for, because a queue may refuse, forget or repeat it. One contract suite holds for every driver.
 */
export abstract class JobQueue {
  /**
   * Adds a job. Returns false when it was not taken: it is too large, the queue is full, closed or out of reach. An id
   * that is waiting or under way already is a no-op that returns true. Never rejects.
   */
  abstract add<Job>(queue: QueueDefinition<Job>, id: string, job: Job): Promise<boolean>;

  /** Starts to work on a queue; once per queue and process. A handler that rejects leaves its job undone and logged. */
  abstract consume<Job>(
    queue: QueueDefinition<Job>,
    options: ConsumeOptions,
    handler: (job: Job) => Promise<void>,
  ): void;

  /** Jobs that wait in this queue. Rejects when the queue is out of reach. */
  abstract waiting<Job>(queue: QueueDefinition<Job>): Promise<number>;

  /** False while jobs cannot be handed over; work must then be found in the database. */
  abstract get isAvailable(): boolean;

  /** Takes no more jobs and waits for those under way. */
  abstract stop(): Promise<void>;
}
