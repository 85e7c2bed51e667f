/** Bytes that somebody holds of a budget. */
export interface Holding {
  /** The bytes are known now. */
  resize(bytes: number): void;
  /** Gives them back; once. */
  release(): void;
}

/** Bounds the bytes that are held at once; whoever wants more waits in line. */
export class ByteBudget {
  private held = 0;
  private isOpen = false;
  private readonly line: (() => void)[] = [];

  constructor(private readonly maxBytes: number) {}

  /** Resolves when less than the bound is held; what is taken then may go beyond it. */
  async take(bytes: number): Promise<Holding> {
    while (!this.hasRoom()) {
      await new Promise<void>((resolve) => this.line.push(resolve));
    }
    const holding = this.hold(bytes);
    this.wakeNext();
    return holding;
  }

  /** Takes without waiting. */
  hold(bytes: number): Holding {
    let own = bytes;
    this.held += own;
    const resize = (to: number): void => {
      this.held += to - own;
      own = to;
      this.wakeNext();
    };
    return { resize, release: () => resize(0) };
  }

  /** Nobody waits any more: what is under way ends soon. */
  open(): void {
    this.isOpen = true;
    this.line.splice(0).forEach((wake) => wake());
  }

  private hasRoom(): boolean {
    return this.isOpen || this.held < this.maxBytes;
  }

  private wakeNext(): void {
    if (this.hasRoom()) {
      this.line.shift()?.();
    }
  }
}
