/**
 * What: the keys and values of a data set. Entry i is the i-th that is loaded; of every key there is a neighbour that
 * is never written. An entry that is written again has another value, told by its generation.
 */
import { SeededRandom } from '../../src/base/index.js'
import { keyBytes } from '../key-space.js'
import type { KeyShape } from '../key-space.js'
import type { DataSet, KeyForm } from './data-set.js'
import { NumberOrder } from './number-order.js'

/** Random keys are drawn from so many, so that a set can grow, and inserts fall between what is there. */
const KEY_RANGE = 2 ** 24
const VALUES_MAX = 4096
const VALUES_MIN = 64
const VALUE_MEMORY = 16 * 2 ** 20
const SEED = 20_261_130
const SHAPES: Record<KeyForm, KeyShape> = { random: 'number', ordered: 'number', uuid: 'uuid', path: 'path' }

export class Entries {
  readonly set: DataSet
  private readonly order = new NumberOrder(KEY_RANGE, SEED)
  private readonly values: readonly Buffer[]
  private readonly shape: KeyShape
  private readonly isOrdered: boolean

  constructor(set: DataSet) {
    this.set = set
    this.shape = SHAPES[set.keys]
    this.isOrdered = set.keys === 'ordered'
    const count = Math.floor(VALUE_MEMORY / set.valueBytes)
    this.values = makeValues(set, Math.min(VALUES_MAX, Math.max(VALUES_MIN, count)))
  }

  key(i: number): Buffer {
    return keyBytes(2 * this.number(i), this.shape)
  }

  absentKey(i: number): Buffer {
    return keyBytes(2 * this.number(i) + 1, this.shape)
  }

  value(i: number, generation: number): Buffer {
    return this.values[(i + 7 * generation) % this.values.length]!
  }

  private number(i: number): number {
    return this.isOrdered ? i : this.order.at(i)
  }
}

function makeValues({ values, valueBytes }: DataSet, count: number): Buffer[] {
  const random = new SeededRandom(SEED, 'values')
  const make = (i: number): Buffer => (values === 'json' ? jsonRow(random, i) : halfRandom(random, valueBytes))
  return Array.from({ length: count }, (_, i) => make(i))
}

function halfRandom(random: SeededRandom, bytes: number): Buffer {
  const value = Buffer.alloc(bytes, 'varve ')
  random.fill(value.subarray(0, Math.ceil(bytes / 2)))
  return value
}

const FIRST_NAMES = ['Ada', 'Boris', 'Chiara', 'Dimitri', 'Emilia', 'Farid', 'Greta', 'Hiro', 'Ines', 'Jonas']
const CITIES = ['Lisboa', 'Oslo', 'Kraków', 'Nantes', 'Graz', 'Turku', 'Porto', 'Gent', 'Brno', 'Split']
const STATES = ['active', 'invited', 'suspended']

/** A user as a web application would keep one: about 215 bytes. */
function jsonRow(random: SeededRandom, i: number): Buffer {
  const name = random.pick(FIRST_NAMES)
  const row = {
    id: random.u32(), name, email: `${name.toLowerCase()}.${random.below(100_000)}@example.com`,
    city: random.pick(CITIES), state: random.pick(STATES), score: random.below(10_000) / 100,
    createdAt: new Date(1.6e12 + random.u32() * 30).toISOString(), isAdmin: random.chance(0.05),
    tags: [`group-${random.below(50)}`, `plan-${i % 4}`], token: random.u32().toString(16).padStart(8, '0'),
  }
  return Buffer.from(JSON.stringify(row))
}
