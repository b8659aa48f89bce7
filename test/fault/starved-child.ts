/**
 * What: writes while the process has no descriptor left for a second: node starved-child.js DIRECTORY, under
 * `ulimit -n`. Prints what became of it.
 */
import { closeSync, openSync } from 'node:fs'
import { Varve, VarveError } from '../../src/index.js'

export interface StarvedReport {
  /** Descriptors taken at once. */
  taken: number
  /** The worst state seen. */
  states: string[]
  /** What writes and reads said. */
  errors: string[]
  /** At the end, before the close. */
  state: string
  /** Keys after a reopen, and how many were acknowledged. */
  found: number
  acknowledged: number
}

const STARVED_MS = 1200
const WRITES = 400

function takeAll(): number[] {
  const taken: number[] = []
  for (;;) {
    try {
      taken.push(openSync('/dev/null', 'r'))
    } catch {
      return taken
    }
  }
}

const [directory = ''] = process.argv.slice(2)
const options = { writeBufferSize: 64 * 1024, workers: 1 }
const states = new Set<string>()
const errors: string[] = []
const db = await Varve.open(directory, {
  ...options, components: { onEvent: (event) => void (event.type === 'stateChanged' && states.add(event.state)) },
})
const value = new Uint8Array(2000)
await db.put('first', value)
await db.flush()
const taken = takeAll()
let isOver = false
setTimeout(() => {
  for (const fd of taken) closeSync(fd)
  isOver = true
}, STARVED_MS)
let acknowledged = 1
const tell = (error: unknown): void => {
  errors.push(VarveError.is(error) ? `${error.code} ${error.message}` : String(error))
}
for (let i = 0; i < WRITES || !isOver; i++) {
  await db.put(`key${i}`, value, { sync: i % 10 === 0 }).then(() => acknowledged++, tell)
  if ((await db.get('first').catch(tell)) === undefined) errors.push('first is gone')
  if (i % 50 === 0) void db.flush().catch(tell)
}
await db.flush().catch(tell)
await db.compact().catch(tell)
const { state } = db.stats().database
await db.close().catch(tell)
const again = await Varve.open(directory, options)
let found = 0
for (const _ of again.keysSync()) found++
await again.close()
process.stdout.write(JSON.stringify({
  taken: taken.length, states: [...states], errors, state, found, acknowledged,
} satisfies StarvedReport))
