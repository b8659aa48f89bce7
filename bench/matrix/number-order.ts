/**
 * What: an order of the numbers 0…count-1 that looks random and takes no memory: a number goes through four rounds of a
 * Feistel network, which is a permutation of a power of four, until it is below `count` again.
 */

const ROUNDS = 4

export class NumberOrder {
  private readonly count: number
  private readonly halfBits: number
  private readonly mask: number
  private readonly seed: number

  constructor(count: number, seed: number) {
    this.count = count
    this.halfBits = Math.max(1, Math.ceil(Math.log2(Math.max(2, count)) / 2))
    this.mask = 2 ** this.halfBits - 1
    this.seed = seed
  }

  /** Gives the number that stands at a place: each one once, for places below `count`. */
  at(place: number): number {
    let number = place
    do number = this.mix(number)
    while (number >= this.count)
    return number
  }

  private mix(number: number): number {
    let left = number >>> this.halfBits
    let right = number & this.mask
    for (let round = 1; round <= ROUNDS; round++) {
      let hash = Math.imul(right + this.seed * round, 0x9e3779b1)
      hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
      const next = left ^ ((hash ^ (hash >>> 13)) & this.mask)
      left = right
      right = next
    }
    return left * (this.mask + 1) + right
  }
}
