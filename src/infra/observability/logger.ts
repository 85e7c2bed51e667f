import { type LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { pretty } from './pretty';
import { type Config } from '@/infra/config/config';

/** The structured log of the process. Inject it and add fields first, message second: `log.warn({ err }, 'text')`. */
export abstract class Logger {
  abstract trace(fields: object, message: string): void;
  abstract debug(fields: object, message: string): void;
  abstract info(fields: object, message: string): void;
  /** Something failed that heals itself. */
  abstract warn(fields: object, message: string): void;
  /** A person must act. */
  abstract error(fields: object, message: string): void;
  abstract fatal(fields: object, message: string): void;
}

/** Makes the log: readable on a terminal, JSON lines elsewhere, unless LOG_FORMAT says which. */
export function createLogger(
  config: Pick<Config, 'logLevel' | 'logFormat'>,
  destination?: DestinationStream,
): PinoLogger {
  const options = {
    level: config.logLevel,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const isPretty = config.logFormat === 'pretty' || (config.logFormat === 'auto' && process.stdout.isTTY);
  if (isPretty) {
    return pino(options, pretty());
  }
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Nest's own messages, passed on to the log at debug so that a start reads as one banner. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: PinoLogger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }

  error(message: unknown, stack?: string, context?: string): void {
    this.logger.error({ context, stack }, String(message));
  }

  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }

  debug(message: unknown, context?: string): void {
    this.logger.trace({ context }, String(message));
  }

  verbose(message: unknown, context?: string): void {
    this.logger.trace({ context }, String(message));
  }

  fatal(message: unknown, context?: string): void {
    this.logger.fatal({ context }, String(message));
  }
}
