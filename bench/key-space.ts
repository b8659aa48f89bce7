/**
 * What: the keys and values of a run, the same for every engine. Entry i has a key that is in the
 * database; absentKey(i) lies between such keys and never is.
 */
import { createHash } from 'node:crypto'
import { SeededRandom } from '../src/base/index.js'
import type { Key } from './store.js'

export const KEY_SHAPES = ['number', 'uuid', 'path'] as const
export type KeyShape = (typeof KEY_SHAPES)[number]

/** Kinds of values by how well they compress: half of each is random, all is random, or one letter repeats. */
export const VALUE_KINDS = ['half', 'random', 'same'] as const
export type ValueKind = (typeof VALUE_KINDS)[number]

export interface KeySpaceOptions {
  shape: KeyShape
  stringKeys: boolean
  valueBytes: number
  valueKind: ValueKind
}

const FOLDERS = ['api', 'base', 'cache', 'commit', 'engine', 'flush', 'iterator', 'manifest', 'memtable', 'sstable']
const VALUE_COUNT = 4096

const SEED = 20_251_121

export class KeySpace {
  private readonly options: KeySpaceOptions
  private readonly values: Buffer[]

  constructor(options: KeySpaceOptions) {
    this.options = options
    this.values = makeValues(options)
  }

  key(i: number): Key {
    return this.make(2 * i)
  }

  absentKey(i: number): Key {
    return this.make(2 * i + 1)
  }

  /** Gives the value of entry i in a generation: a rewritten entry has another one. */
  value(i: number, generation: number): Buffer {
    return this.values[(i + 7 * generation) % VALUE_COUNT]!
  }

  private make(n: number): Key {
    return this.options.stringKeys ? keyText(n, this.options.shape) : keyBytes(n, this.options.shape)
  }
}

/** Gives the n-th key of a shape as bytes; a uuid takes 16. */
export function keyBytes(n: number, shape: KeyShape): Buffer {
  const text = keyText(n, shape)
  return shape === 'uuid' ? Buffer.from(text.replaceAll('-', ''), 'hex') : Buffer.from(text)
}

function keyText(n: number, shape: KeyShape): string {
  if (shape === 'number') return String(n).padStart(16, '0')
  if (shape === 'path') {
    const [a, b] = [FOLDERS[n % 10]!, FOLDERS[Math.floor(n / 10) % 10]!]
    return `node_modules/${a}/dist/${b}/${Math.floor(n / 100)}-file.js`
  }
  const hex = createHash('md5').update(String(n)).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function makeValues({ valueBytes, valueKind }: KeySpaceOptions): Buffer[] {
  const random = new SeededRandom(SEED, 'values')
  const randomBytes = { half: Math.ceil(valueBytes / 2), random: valueBytes, same: 0 }[valueKind]
  return Array.from({ length: VALUE_COUNT }, (_, i) => {
    const value = Buffer.alloc(valueBytes, valueKind === 'same' ? i % 256 : 'varve ')
    random.fill(value.subarray(0, randomBytes))
    return value
  })
}

/** Gives the numbers 0…count-1 in an order that depends only on `stream`. */
export function shuffled(count: number, stream: string): Uint32Array {
  return shuffledBy(count, new SeededRandom(SEED, stream))
}

/** Gives the numbers 0…count-1 in an order that `random` draws. */
export function shuffledBy(count: number, random: SeededRandom): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const kept = order[i]!
    order[i] = order[j]!
    order[j] = kept
  }
  return order
}

/** Gives the numbers of the keys in the order of the keys. */
export function sorted(keys: readonly Key[]): Uint32Array {
  const order = Array.from(keys, (_, i) => i)
  const isText = typeof keys[0] === 'string'
  const compare = isText
    ? (a: number, b: number) => (keys[a]! < keys[b]! ? -1 : 1)
    : (a: number, b: number) => Buffer.compare(keys[a] as Buffer, keys[b] as Buffer)
  return Uint32Array.from(order.sort(compare))
}
