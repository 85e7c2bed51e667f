const texts = new WeakMap<object, string>();

/** Remembers the text from which a request body was parsed, for as long as the body lives. */
export function rememberBodyText(body: object, text: string): void {
  texts.set(body, text);
}

/** The text from which a request body was parsed; undefined for any other object. */
export function bodyTextOf(body: object): string | undefined {
  return texts.get(body);
}
