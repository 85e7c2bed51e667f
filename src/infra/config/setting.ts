/** One setting: its variable, how its text becomes a value, its default, and the sentence that documents it. */
export interface Setting<T> {
  env: string;
  doc: string;
  /** How the default reads in the documentation. */
  defaultText: string;
  /** Never printed. */
  isSecret: boolean;
  example?: string;
  /** Throws `Error` with a message that says what is expected. */
  parse(text: string): T;
  defaultValue: T;
}

interface Options<T> {
  env: string;
  doc: string;
  default: T;
  defaultText?: string;
  isSecret?: boolean;
  example?: string;
}

function setting<T>(options: Options<T>, parse: (text: string) => T): Setting<T> {
  return {
    env: options.env,
    doc: options.doc,
    defaultText: options.defaultText ?? String(options.default ?? ''),
    isSecret: options.isSecret ?? false,
    example: options.example,
    parse,
    defaultValue: options.default,
  };
}

/** A text that `check` accepts; `check` answers what is wrong, or undefined. */
export function text<T extends string | undefined>(
  options: Options<T>,
  check?: (value: string) => string | undefined,
): Setting<T> {
  return setting(options, (value) => {
    const problem = check?.(value);
    if (problem !== undefined) {
      throw new Error(problem);
    }
    return value as T;
  });
}

/** A whole number within bounds, both included. */
export function integer(options: Options<number> & { min: number; max: number }): Setting<number> {
  return setting(options, (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < options.min || number > options.max) {
      throw new Error(`expected a whole number from ${options.min} to ${options.max}`);
    }
    return number;
  });
}

/** `true` or `false`. */
export function flag(options: Options<boolean>): Setting<boolean> {
  return setting(options, (value) => {
    if (value !== 'true' && value !== 'false') {
      throw new Error('expected true or false');
    }
    return value === 'true';
  });
}

/** One of a fixed set of words. */
export function choice<const T extends string>(options: Options<T> & { of: readonly T[] }): Setting<T> {
  return setting(options, (value) => {
    const found = options.of.find((word) => word === value);
    if (found === undefined) {
      throw new Error(`expected one of ${options.of.join(', ')}`);
    }
    return found;
  });
}

/** A comma-separated list; empty text is an empty list. */
export function list<T>(options: Options<T[]>, parseItem: (item: string) => T): Setting<T[]> {
  return setting(options, (value) =>
    value.trim() === '' ? [] : value.split(',').map((item) => parseItem(item.trim())),
  );
}
