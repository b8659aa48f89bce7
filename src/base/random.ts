/**
 * What: randomness as a parameter: the system's for salts and ids, a seeded one for simulation and tests.
 */

/** The source of salts, seeds and ids. */
export interface Random {
  /** Gives a number that is uniform in [0, 2^32). */
  u32(): number
  /** Makes each byte random. */
  fill(bytes: Uint8Array): void
}

export const systemRandom: Random = {
  u32() {
    return crypto.getRandomValues(new Uint32Array(1))[0]!
  },
  fill(bytes) {
    crypto.getRandomValues(bytes)
  },
}

/** A deterministic source: sfc32 (Chris Doty-Humphrey, PractRand), seeded by a number and a stream name. */
export class SeededRandom implements Random {
  private a: number
  private b: number
  private c: number
  private counter = 1

  /** Streams of one seed are independent of each other, so a use that is removed does not change other numbers. */
  constructor(seed: number, stream = '') {
    this.a = seed >>> 0
    this.b = Math.floor(seed / 2 ** 32) >>> 0
    let h = 0x811c9dc5
    for (let i = 0; i < stream.length; i++) h = Math.imul(h ^ stream.charCodeAt(i), 0x01000193)
    this.c = h >>> 0
    for (let i = 0; i < 12; i++) this.u32()
  }

  u32(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (this.c << 21) | (this.c >>> 11)
    this.c = (this.c + t) | 0
    return t >>> 0
  }

  /** Gives a number that is uniform in [0, n), for n ≤ 2^32. */
  below(n: number): number {
    return Math.floor((this.u32() / 2 ** 32) * n)
  }

  /** Gives true with probability p. */
  chance(p: number): boolean {
    return this.u32() < p * 2 ** 32
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.u32()
  }
}
