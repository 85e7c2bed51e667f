/** The WHERE clause of a query that is put together, with its parameters. */
export class Conditions {
  readonly parameters: unknown[] = [];
  private readonly parts: string[] = [];

  /** All conditions, joined by AND; true when there are none. */
  get sql(): string {
    return this.parts.length === 0 ? 'true' : this.parts.join(' AND ');
  }

  /** Adds a condition in which `?` stands for the value. */
  add(condition: string, value: unknown): this {
    this.parts.push(condition.replace('?', this.bind(value)));
    return this;
  }

  /** Adds a condition whose values are bound already. */
  addRaw(condition: string): this {
    this.parts.push(condition);
    return this;
  }

  /** Binds a value and answers its placeholder. */
  bind(value: unknown): string {
    return `$${this.parameters.push(value)}`;
  }
}
