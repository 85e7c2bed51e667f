const TITLE_WIDTH = 54;
const hasColours = Boolean(process.stdout.isTTY) && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';

/** A problem that is explained by its message alone; `details` is output of a program that failed. */
export class Failure extends Error {
  constructor(message, details = '') {
    super(message);
    this.details = details;
  }
}

export const bold = style(1, 22);
export const dim = style(2, 22);
export const red = style(31, 39);
export const green = style(32, 39);
export const cyan = style(36, 39);

function style(on, off) {
  return (text) => (hasColours ? `\u001b[${on}m${text}\u001b[${off}m` : String(text));
}

export function line(text = '') {
  process.stdout.write(`${text}\n`);
}

let openStep;

/** Shows a line for work while it goes on, and then how long it took. Passes on what the work returns or throws. */
export async function step(title, work) {
  const startedAt = performance.now();
  const self = Symbol(title);
  const end = (text) => {
    if (openStep === self) {
      openStep = undefined;
      line(text);
    }
  };
  openStep = self;
  process.stdout.write(`  ${title} ${dim('.'.repeat(Math.max(3, TITLE_WIDTH - title.length)))} `);
  try {
    const result = await work();
    end(green(timeSince(startedAt)));
    return result;
  } catch (error) {
    end(red(`failed after ${timeSince(startedAt).trim()}`));
    throw error;
  }
}

/** Ends the line of a step whose result nobody waits for any more, with a word that says why. */
export function abandonStep(word) {
  if (openStep !== undefined) {
    openStep = undefined;
    line(red(word));
  }
}

/** How long it has been since a `performance.now()`: right-aligned, such as `  85 ms` or ` 1.2 s`. */
export function timeSince(startedAt) {
  const ms = performance.now() - startedAt;
  return (ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`).padStart(7);
}

/** Prints why a command ends, and what the failed program said. */
export function printFailure(error) {
  const isExplained = error instanceof Failure;
  process.stderr.write(`\n${red(isExplained ? error.message : (error?.stack ?? String(error)))}\n`);
  if (isExplained && error.details !== '') {
    process.stderr.write(`\n${indent(error.details)}\n`);
  }
}

export function indent(text, by = '  ') {
  return text.replace(/^(?=.)/gm, by);
}

/** The last lines of a text. */
export function tail(text, lines = 30) {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
