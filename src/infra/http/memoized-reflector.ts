import { Reflector } from '@nestjs/core';

type Target = Parameters<Reflector['getAllAndOverride']>[1][number];

/**
 * Remembers what the decorators of a handler say. They never change, but guards ask for them with every request, and
 * looking metadata up costs more than the rest of a guard.
 */
export class MemoizedReflector extends Reflector {
  private readonly memo = new Map<unknown, WeakMap<object, unknown>>();

  /** `targets` are a handler and its class, in this order. */
  override getAllAndOverride<TResult>(key: unknown, targets: Target[]): TResult {
    const [handler] = targets;
    let ofKey = this.memo.get(key);
    if (ofKey === undefined) {
      ofKey = new WeakMap();
      this.memo.set(key, ofKey);
    }
    if (handler === undefined || !ofKey.has(handler)) {
      const value: unknown = super.getAllAndOverride(key, targets);
      if (handler !== undefined) {
        ofKey.set(handler, value);
      }
      return value as TResult;
    }
    return ofKey.get(handler) as TResult;
  }
}
