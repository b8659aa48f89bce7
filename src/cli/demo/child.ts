/**
 * What: the process that loads and is killed. Reports to its parent which records are acknowledged, each only after its
 * promise resolved. Never ends by itself, only with its parent.
 */
import { systemClock } from '../../base/index.js'
import { Varve } from '../../api/index.js'
import { DEMO_OPTIONS } from './database.js'
import { readInput, recordAt, recordCount } from './input.js'
import { load, loadProgress } from './load.js'
import type { LoadProgress } from './load.js'

export type ChildMessage =
  | { type: 'acknowledged'; indexes: number[] }
  | { type: 'progress'; progress: LoadProgress }

const PROGRESS_MS = 100
/** The child is killed soon after half of the load; one that is quicker than its parent waits for it here. */
const PART_MAX = 0.75

function send(message: ChildMessage): void {
  process.send?.(message)
}

const [source, dir] = process.argv.slice(2)
process.on('disconnect', () => process.exit(1))
const input = await readInput(source!)
const db = await Varve.open(dir!, { ...DEMO_OPTIONS, errorIfExists: true })

let records = 0
let bytes = 0
let indexes: number[] = []
let lastProgressMs = 0

function tell(): void {
  send({ type: 'acknowledged', indexes })
  indexes = []
  const nowMs = systemClock.nowMs()
  if (nowMs - lastProgressMs < PROGRESS_MS) return
  lastProgressMs = nowMs
  send({ type: 'progress', progress: loadProgress(db, records, bytes) })
}

await load(db, input, {
  from: 0,
  to: Math.ceil(recordCount(input) * PART_MAX),
  onAcknowledged(index) {
    records++
    bytes += recordAt(input, index).file.bytes
    if (indexes.length === 0) systemClock.defer(tell)
    indexes.push(index)
  },
})
tell()
