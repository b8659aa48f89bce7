/**
 * What: bounds the bytes of reads that are under way: who finds the gate full waits its turn. One that is larger than
 * the gate goes through alone.
 * Thread: main.
 * Invariants: BC-8 no more bytes than the gate's are under way, but for one read alone. BC-7 who waits gets its turn.
 */
export class ByteGate {
  private readonly max: number
  private used = 0
  private readonly waiting: { bytes: number; pass: () => void }[] = []

  constructor(max: number) {
    this.max = max
  }

  /** Resolves when these bytes may be read. */
  enter(bytes: number): Promise<void> | null {
    if (this.waiting.length === 0 && this.hasRoom(bytes)) {
      this.used += bytes
      return null
    }
    return new Promise((pass) => this.waiting.push({ bytes, pass }))
  }

  private hasRoom(bytes: number): boolean {
    return this.used === 0 || this.used + bytes <= this.max
  }

  /** Gives the bytes back. */
  leave(bytes: number): void {
    this.used -= bytes
    while (this.waiting[0] !== undefined && this.hasRoom(this.waiting[0].bytes)) {
      const next = this.waiting.shift()!
      this.used += next.bytes
      next.pass()
    }
  }
}
