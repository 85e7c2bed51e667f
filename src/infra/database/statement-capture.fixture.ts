import { type Logger } from 'typeorm';

/** Keeps every statement with its parameters, as a data source sends them. */
export class StatementCapture implements Logger {
  statements: { sql: string; parameters: unknown[] }[] = [];

  logQuery(sql: string, parameters?: unknown[]): void {
    this.statements.push({ sql, parameters: parameters ?? [] });
  }

  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
