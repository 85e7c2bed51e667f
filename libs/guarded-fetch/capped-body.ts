const FIRST_ALLOCATION = 4096;

/** Collects the first `limit` bytes of a body; memory stays under twice that, however small the pieces are. */
export class CappedBody {
  private buffer: Buffer = Buffer.alloc(0);
  private length = 0;
  private isOwned = false;

  constructor(private readonly limit: number) {}

  get byteLength(): number {
    return this.length;
  }

  /** Returns false when the piece did not fit and was cut. */
  append(piece: Buffer): boolean {
    const room = this.limit - this.length;
    const fitting = piece.length > room ? piece.subarray(0, room) : piece;
    if (this.length === 0) {
      // Nearly every answer comes in one piece: no copy.
      this.buffer = fitting;
    } else {
      this.grow(this.length + fitting.length);
      this.buffer.set(fitting, this.length);
    }
    this.length += fitting.length;
    return fitting.length === piece.length;
  }

  toBuffer(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private grow(needed: number): void {
    if (this.isOwned && this.buffer.length >= needed) {
      return;
    }
    const size = Math.min(this.limit, Math.max(needed, this.buffer.length * 2, FIRST_ALLOCATION));
    const larger = Buffer.allocUnsafe(size);
    larger.set(this.toBuffer());
    this.buffer = larger;
    this.isOwned = true;
  }
}
