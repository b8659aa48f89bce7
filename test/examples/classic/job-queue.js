// A queue of jobs with leases on classic-level: each step that reads and writes waits for those before it.
import { ClassicLevel } from 'classic-level'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const dueKey = {
  name: 'due',
  format: 'utf8',
  encode: ([time, id]) => `${String(time).padStart(15, '0')}:${id}`,
  decode: (text) => [Number(text.slice(0, 15)), text.slice(16)],
}

class JobQueue {
  #db
  #jobs
  #due
  #leaseMs
  #last = Promise.resolve()

  constructor(db, name, leaseMs) {
    this.#db = db
    const queue = db.sublevel(name)
    this.#jobs = queue.sublevel('job', { valueEncoding: 'json' })
    this.#due = queue.sublevel('due', { keyEncoding: dueKey })
    this.#leaseMs = leaseMs
  }

  /** Resolves when the job survives power loss. */
  async add(work, at = Date.now()) {
    const id = randomUUID() // in a container, the next process may have this one's number
    await this.#db.batch([
      { type: 'put', sublevel: this.#jobs, key: id, value: { work, lease: at } },
      { type: 'put', sublevel: this.#due, key: [at, id], value: '' },
    ], { sync: true })
  }

  /** Takes the job that is due first, or undefined. */
  take() {
    return this.#inTurn(async () => {
      const now = Date.now()
      const [entry] = await this.#due.keys({ lt: [now + 1, ''], limit: 1 }).all()
      if (entry === undefined) return undefined
      const [, id] = entry
      const { work } = await this.#jobs.get(id)
      const lease = now + this.#leaseMs
      await this.#db.batch([
        { type: 'del', sublevel: this.#due, key: entry },
        { type: 'put', sublevel: this.#due, key: [lease, id], value: '' },
        { type: 'put', sublevel: this.#jobs, key: id, value: { work, lease } },
      ])
      return { id, work, lease }
    })
  }

  /** Removes a job that is done. False: the lease was over, and another consumer has taken it. */
  finish({ id, lease }) {
    return this.#inTurn(async () => {
      const job = await this.#jobs.get(id)
      if (job?.lease !== lease) return false
      await this.#db.batch([
        { type: 'del', sublevel: this.#jobs, key: id },
        { type: 'del', sublevel: this.#due, key: [lease, id] },
      ])
      return true
    })
  }

  async isEmpty() {
    return (await this.#due.keys({ limit: 1 }).all()).length === 0
  }

  /** Two consumers must not read the same job before one of them has written that it is taken. */
  #inTurn(act) {
    const result = this.#last.then(act)
    this.#last = result.catch(() => undefined)
    return result
  }
}

const total = Number(process.argv[2] ?? 20)
const location = process.argv[3] ?? mkdtempSync(path.join(tmpdir(), 'classic-jobs-'))
const db = new ClassicLevel(location)
await db.open()
const queue = new JobQueue(db, 'mail', 100)
await Promise.all(Array.from({ length: total }, (_, n) => queue.add({ to: n })))

const done = []
async function consume() {
  while (!(await queue.isEmpty())) {
    const job = await queue.take()
    if (job === undefined) await pause(10)
    else {
      await pause(1) // the work
      if (await queue.finish(job)) done.push(job.work.to)
    }
  }
}

const lost = await queue.take() // by a consumer that stops now
await Promise.all([consume(), consume(), consume()])
console.log(`${done.length} jobs done, each once: ${new Set(done).size === total}`)
const isLate = !(await queue.finish(lost))
console.log(`the lost one too: ${done.includes(lost.work.to)}, and its first consumer comes too late: ${isLate}`)

await db.close()
if (process.argv[3] === undefined) rmSync(location, { recursive: true })
