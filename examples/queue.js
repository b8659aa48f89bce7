// A queue on disk: items go in at the end and come out at the front, each exactly once, also after a crash.
// node examples/queue.js [items] [directory]
//
// What makes it hard for a log-structured database: a popped item leaves a tombstone at the front of the
// key range, and whoever looks for the front must pass it. The queue remembers where its front is. `front`
// does not, as a program that has just started: it passes the tombstones that compaction has not got to yet.
// Compaction takes tables full of them early, and writes wait for it when too many tables are new, so that is
// some dozens of write buffers at most, and passed once: the engine remembers a stretch of deleted keys. So
// the millionth item is as near as the first.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { VarveLevel } from 'varve/level'

class Queue {
  #items
  #next = 0
  /** Every key up to this one is gone. */
  #popped = ''

  constructor(db, name) {
    this.#items = db.sublevel(name, { valueEncoding: 'json' })
  }

  /** Finds the end after a restart. */
  async open() {
    const [last] = await this.#items.keys({ reverse: true, limit: 1 }).all()
    this.#next = last === undefined ? 0 : Number(last) + 1
  }

  /** Adds all of them or none. */
  async push(values) {
    await this.#items.batch(values.map((value) => ({ type: 'put', key: this.#key(), value })))
  }

  /** Takes at most `count` items, oldest first; they are gone when it resolves. */
  async pop(count) {
    const entries = await this.#items.iterator({ gt: this.#popped, limit: count }).all()
    if (entries.length === 0) return []
    await this.#items.batch(entries.map(([key]) => ({ type: 'del', key })))
    this.#popped = entries.at(-1)[0]
    return entries.map(([, value]) => value)
  }

  /** Finds the front as a program does that has just started. */
  async front() {
    return (await this.#items.keys({ limit: 1 }).all())[0]
  }

  #key() {
    return String(this.#next++).padStart(12, '0')
  }
}

const total = Number(process.argv[2] ?? 1_000_000)
const location = process.argv[3] ?? mkdtempSync(path.join(tmpdir(), 'varve-queue-'))
const db = new VarveLevel(location, { writeBufferSize: 2 ** 20 })
const queue = new Queue(db, 'jobs')
await queue.open()

// Producers and consumers run at once: the queue is 50,000 items long when they run in step.
const [BATCH, LENGTH, REPORTS] = [1000, Math.min(50_000, total / 2), 5]
let [pushed, popped, startMs] = [0, 0, performance.now()]
while (popped < total) {
  if (pushed < total) {
    await queue.push(Array.from({ length: Math.min(BATCH, total - pushed) }, (_, i) => ({ job: pushed + i })))
    pushed = Math.min(total, pushed + BATCH)
  }
  if (pushed - popped < LENGTH && pushed < total) continue
  const before = popped
  for (const { job } of await queue.pop(BATCH)) if (job !== popped++) throw new Error(`job ${job} is out of order`)
  const report = Math.floor((popped * REPORTS) / total)
  if (report === Math.floor((before * REPORTS) / total)) continue
  const rate = total / REPORTS / (performance.now() - startMs)
  const passedBefore = db.engine.stats().iterators.passedCount
  await queue.front()
  const passed = db.engine.stats().iterators.passedCount - passedBefore
  console.log(`popped ${popped}: ${rate.toFixed(0)} k items/s, front found behind ${passed} deleted keys`)
  startMs = performance.now()
}
console.log(`left: ${(await queue.pop(1)).length}`)

await db.close()
if (process.argv[3] === undefined) rmSync(location, { recursive: true })
