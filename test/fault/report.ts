import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { eventually } from '../support/eventually';

/** What one kind of fault came to. */
export interface FaultCase {
  case: string;
  /** Messages that were answered with 202. */
  acked: number;
  /** Acked messages that reached every one of their endpoints. */
  delivered: number;
  lost: number;
  /** Successful deliveries that were made again. */
  duplicates: number;
  /** The longest time without any delivery while messages were posted, in ms. */
  longestGapMs: number;
  details: Record<string, unknown>;
}

/**
 * Prints a case, and puts it into the JSON array of the file POSTHORN_FAULT_REPORT; there it replaces what an earlier run
 * said of the same case, and stays beside those of other files.
 */
export async function reportCase(entry: FaultCase): Promise<void> {
  const { details, ...numbers } = entry;
  process.stdout.write(`${JSON.stringify(numbers)}\n${JSON.stringify({ ...details, rounds: undefined })}\n`);
  const file = process.env['POSTHORN_FAULT_REPORT'];
  if (file) {
    await alone(`${file}.lock`, async () => {
      const others = (await readCases(file)).filter((other) => other.case !== entry.case);
      await writeFile(file, `${JSON.stringify([...others, entry], null, 2)}\n`);
    });
  }
}

/** Two files run at a time: one of them writes. A folder can be made only once. */
async function alone(lock: string, write: () => Promise<void>): Promise<void> {
  // Who waited this long takes it all the same: a run that was killed has left it behind.
  await eventually(() => mkdir(lock), 5_000, 20).catch(() => undefined);
  try {
    await write();
  } finally {
    await rmdir(lock).catch(() => undefined);
  }
}

async function readCases(file: string): Promise<FaultCase[]> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as FaultCase[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw error;
  }
}

/** Rows of equal shape as a table for the terminal. */
export function table<Row extends object>(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {}) as (keyof Row & string)[];
  const lines = rows.map((row) => names.map((name) => String(row[name]).padStart(name.length)).join('  '));
  return ['', names.join('  '), ...lines, ''].join('\n');
}
