/**
 * What: the six mixes of the Yahoo! Cloud Serving Benchmark (B. F. Cooper et al., 2010), with the values of the data
 * set and sixteen clients in one event loop: each sends its next operation when the last one is answered.
 */
import { drawLatest } from './draws.js'
import type { Draw } from './draws.js'
import type { Operations } from './measure.js'
import type { Subject } from './subject.js'

type Kind = 'read' | 'update' | 'insert' | 'scan' | 'modify'

interface Mix {
  row: string
  /** Most are of this kind, or half of them. */
  kind: Kind
  other: Kind
  /** The part of the other kind. */
  otherPart: number
  /** True when the latest entries are asked for most. */
  isLatest?: boolean
}

/** In the order in which YCSB asks to run them: those that add entries come last. */
export const MIXES: readonly Mix[] = [
  { row: 'YCSB A: half reads, half updates', kind: 'read', other: 'update', otherPart: 0.5 },
  { row: 'YCSB B: 95 % reads, 5 % updates', kind: 'read', other: 'update', otherPart: 0.05 },
  { row: 'YCSB C: reads', kind: 'read', other: 'read', otherPart: 0 },
  { row: 'YCSB F: half reads, half read-modify-writes', kind: 'read', other: 'modify', otherPart: 0.5 },
  { row: 'YCSB D: 95 % latest reads, 5 % inserts', kind: 'read', other: 'insert', otherPart: 0.05, isLatest: true },
  { row: 'YCSB E: 95 % ranges of 1 to 100, 5 % inserts', kind: 'scan', other: 'insert', otherPart: 0.05 },
]

const CLIENTS = 16
const SCAN_MAX = 100

interface Operation {
  kind: Kind
  key: Buffer
  value: Buffer | undefined
  limit: number
}

export function mix(subject: Subject, { row, kind, other, otherPart, isLatest }: Mix): Operations {
  const random = subject.random(row)
  const draw = isLatest === true ? drawLatest(() => subject.entryCount, random) : subject.draw('zipf', row)
  subject.allowRaces()
  let operations: Operation[] = []
  return {
    inFlight: CLIENTS,
    draw(count) {
      operations = Array.from({ length: count }, () =>
        drawOperation(subject, random.chance(otherPart) ? other : kind, draw, 1 + random.below(SCAN_MAX)))
    },
    one: (at) => perform(subject, operations[at]!),
  }
}

function drawOperation(subject: Subject, kind: Kind, draw: Draw, limit: number): Operation {
  const { entries } = subject
  const i = kind === 'insert' ? subject.addEntry() : draw()
  const isWrite = kind === 'update' || kind === 'modify'
  const value = kind === 'insert' ? entries.value(i, 0) : isWrite ? subject.nextValue(i) : undefined
  return { kind, key: entries.key(i), value, limit }
}

async function perform(subject: Subject, { kind, key, value, limit }: Operation): Promise<void> {
  const { store } = subject
  if (kind === 'scan') await store.seek(key, limit)
  if (kind === 'read' || kind === 'modify') subject.use(await store.get(key))
  if (value !== undefined) await store.put(key, value)
}
