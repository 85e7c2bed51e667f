import { type DestinationStream } from 'pino';
import pinoPretty from 'pino-pretty';

/** The log as a person reads it on a terminal. */
export function pretty(): DestinationStream {
  return pinoPretty({
    colorize: process.stdout.isTTY,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
    sync: true,
  });
}
