// A queue of jobs on disk. Consumers take jobs on lease: who does not finish in time has lost the job, and another
// consumer takes it. A job is kept until one of them says that it is done, also over a crash of the program.
// node examples/job-queue.js [jobs] [directory]
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Varve } from 'varve'

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// When something is due, then what: times of one length stand in their order.
const dueKey = {
  format: 'utf8',
  encode: ([time, id]) => `${String(time).padStart(15, '0')}:${id}`,
  decode: (text) => [Number(text.slice(0, 15)), text.slice(16)],
}

class JobQueue {
  #db
  #jobs
  #due
  #leaseMs

  constructor(db, name, leaseMs) {
    this.#db = db
    this.#jobs = db.view({ key: 'utf8', value: 'json', prefix: `${name}:job:` })
    this.#due = db.view({ key: dueKey, value: 'utf8', prefix: `${name}:due:` })
    this.#leaseMs = leaseMs
  }

  /** Resolves when the job survives power loss. */
  async add(work, at = Date.now()) {
    const id = randomUUID() // in a container, the next process may have this one's number
    await this.#db.batch([this.#jobs.putOp(id, { work, lease: at }), this.#due.putOp([at, id], '')], { sync: true })
  }

  /** Takes the job that is due first, or undefined. It is one synchronous step, so no two consumers get the same. */
  take() {
    const now = Date.now()
    const [entry] = this.#due.keysSync({ lt: [now + 1, ''], limit: 1 })
    if (entry === undefined) return undefined
    const [, id] = entry
    const { work } = this.#jobs.getSync(id)
    const lease = now + this.#leaseMs
    this.#db.batchSync([
      this.#due.delOp(entry), this.#due.putOp([lease, id], ''), this.#jobs.putOp(id, { work, lease }),
    ])
    return { id, work, lease }
  }

  /** Removes a job that is done. False: the lease was over, and another consumer has taken it. */
  finish({ id, lease }) {
    if (this.#jobs.getSync(id)?.lease !== lease) return false
    this.#db.batchSync([this.#jobs.delOp(id), this.#due.delOp([lease, id])])
    return true
  }

  get isEmpty() {
    return this.#due.keysSync({ limit: 1 }).next().done
  }
}

const total = Number(process.argv[2] ?? 20)
const location = process.argv[3] ?? mkdtempSync(path.join(tmpdir(), 'varve-jobs-'))
const db = await Varve.open(location)
const queue = new JobQueue(db, 'mail', 100)
await Promise.all(Array.from({ length: total }, (_, n) => queue.add({ to: n })))

const done = []
async function consume() {
  while (!queue.isEmpty) {
    const job = queue.take()
    if (job === undefined) await pause(10)
    else {
      await pause(1) // the work
      if (queue.finish(job)) done.push(job.work.to)
    }
  }
}

const lost = queue.take() // by a consumer that stops now
await Promise.all([consume(), consume(), consume()])
console.log(`${done.length} jobs done, each once: ${new Set(done).size === total}`)
console.log(`the lost one too: ${done.includes(lost.work.to)}, and its first consumer comes too late: ${!queue.finish(lost)}`)

await db.close()
if (process.argv[3] === undefined) rmSync(location, { recursive: true })
