import { Interrupted, interruption } from './commands.mjs';
import { printFailure } from './terminal.mjs';

/**
 * Runs a command: `action` gets the arguments and the signal that is raised when the process is asked to end, and returns
 * the exit code (nothing is 0). What it throws is explained, and ends the process with 1, or 128 and more after a signal.
 */
export async function main(action) {
  const signal = interruption();
  try {
    process.exitCode = (await action(process.argv.slice(2), signal)) ?? 0;
  } catch (error) {
    printFailure(error);
    process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
  }
}
