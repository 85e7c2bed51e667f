import { Failure } from '../support/terminal.mjs';

/** Fails when it is given `false`; the text says what would have been right. */
export function expect(isTrue, text) {
  if (!isTrue) {
    throw new Failure(text);
  }
}

/** The kind of a Kubernetes object, which is given as its text. */
export function kindOf(text) {
  return /^kind: (\w+)$/m.exec(text)?.[1];
}

/** The name of a Kubernetes object, which is given as its text. */
export function nameOf(text) {
  return /^metadata:\n {2}name: (\S+)$/m.exec(text)?.[1];
}
