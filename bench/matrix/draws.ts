/**
 * What: which entry is asked for next: each alike, or few of them often (Zipf's law with exponent 0.99, as YCSB draws
 * them: J. Gray et al., "Quickly generating billion-record synthetic databases", 1994), or mostly the latest.
 */
import type { SeededRandom } from '../../src/base/index.js'
import { NumberOrder } from './number-order.js'

export type Skew = 'uniform' | 'zipf'

/** Gives the number of an entry. */
export type Draw = () => number

const EXPONENT = 0.99
/** The sum of the law is added up to here, and integrated from here on. */
const SUMMED = 10_000
const ORDER_SEED = 99

export function drawOf(skew: Skew, entryCount: number, random: SeededRandom): Draw {
  if (skew === 'uniform') return () => random.below(entryCount)
  const rank = zipfRanks(entryCount, random)
  const order = new NumberOrder(entryCount, ORDER_SEED)
  return () => order.at(rank())
}

/** The entries that were written last are asked for most; `entryCount` may grow meanwhile. */
export function drawLatest(entryCount: () => number, random: SeededRandom): Draw {
  const rank = zipfRanks(entryCount(), random)
  return () => Math.max(0, entryCount() - 1 - rank())
}

/** Gives ranks from 0 on, the lower the more often. */
function zipfRanks(count: number, random: SeededRandom): Draw {
  const zeta = zetaOf(count)
  const alpha = 1 / (1 - EXPONENT)
  const eta = (1 - (2 / count) ** (1 - EXPONENT)) / (1 - zetaOf(2) / zeta)
  return () => {
    const u = random.u32() / 2 ** 32
    if (u * zeta < 1) return 0
    if (u * zeta < 1 + 0.5 ** EXPONENT) return 1
    return Math.min(count - 1, Math.floor(count * (eta * u - eta + 1) ** alpha))
  }
}

function zetaOf(count: number): number {
  let sum = 0
  const to = Math.min(count, SUMMED)
  for (let rank = 1; rank <= to; rank++) sum += rank ** -EXPONENT
  const part = 1 - EXPONENT
  return sum + ((count + 0.5) ** part - (to + 0.5) ** part) / part
}
