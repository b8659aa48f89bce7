/**
 * The threads of the process, which all databases share: each gets its own answers and its share of the threads, and
 * nobody's long work keeps another's waiting; several copies of the package are one.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { SeededRandom, systemClock } from '../../src/base/index.js'
import { WorkerExecutor, processorsToSpare } from '../../src/exec/index.js'
import type { ExecutorEvent, JobResult } from '../../src/exec/index.js'
import { threadsWithExtra } from '../../src/exec/worker-count.js'
import { WorkerPool } from '../../src/exec/worker-pool.js'
import { HandClock } from '../support/fakes/hand-clock.js'
import { newDirectory } from '../support/databases/databases.js'
import { packageDir } from '../support/harness/golden.js'
import { keepProcess } from '../support/harness/keep-process.js'

/** Threads do not keep a process: who waits for them does. */
keepProcess()

const source = `import(${JSON.stringify(new URL('./executor-worker.js', import.meta.url).href)})`

/** A database's executor; those with one context share threads. */
function join(contextSpec: string, workerCount = 1, onEvent?: (event: ExecutorEvent) => void): WorkerExecutor {
  return new WorkerExecutor({ workerCount, source, contextSpec, clock: systemClock, onEvent })
}

const sharedInt = (): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(4))
const turn = (): Promise<void> => new Promise((resolve) => systemClock.defer(resolve))
const threadOf = (executor: WorkerExecutor): Promise<number> => executor.submit({ kind: 'threadId', input: null })

async function close(...executors: WorkerExecutor[]): Promise<void> {
  await Promise.all(executors.map((executor) => executor.close()))
}

/** A job that goes on, with many pauses, until the flag is set. */
function longJob(executor: WorkerExecutor, priority: number): { end(): Promise<unknown>; flag: Int32Array } {
  const flag = sharedInt()
  const answer = executor.submit({ kind: 'waitFor', input: { flag, value: 1 }, priority })
  return {
    flag,
    end: () => {
      Atomics.store(flag, 0, 1)
      return answer
    },
  }
}

describe('databases of one process', () => {
  it('use the same threads, one after the other and at once, and others have their own', async () => {
    const [a, b, other] = [join('same'), join('same'), join('not the same')]
    const first = await threadOf(a)
    assert.equal(await threadOf(b), first)
    assert.notEqual(await threadOf(other), first)
    await close(a, b, other)
    const next = join('same')
    assert.equal(await threadOf(next), first)
    await close(next)
  })

  it('POOL-2: have no more threads at once than each asked for', async () => {
    const [narrow, wide] = [join('bounds', 2), join('bounds', 4)]
    const started = sharedInt()
    const release = sharedInt()
    const jobs = Array.from({ length: 6 }, () =>
      narrow.submit({ kind: 'countAndWait', input: { started, flag: release } }))
    while (Atomics.load(started, 0) < 2) await turn()
    // Two threads are left to the other one, and they answer while the six wait.
    const long = longJob(wide, 0)
    const echoes = Array.from({ length: 20 }, (_, i) => wide.submit({ kind: 'echo', input: i }))
    assert.equal((await Promise.all(echoes)).length, 20)
    assert.equal(Atomics.load(started, 0), 2)
    Atomics.store(release, 0, 1)
    await Promise.all([...jobs, long.end()])
    assert.equal(Atomics.load(started, 0), 6)
    await close(narrow, wide)
  })

  it('POOL-2: have one thread more for jobs that may, where there is a processor, and for no others', async () => {
    const executor = join('extra')
    const [started, release] = [sharedInt(), sharedInt()]
    const submit = (isExtra: boolean) =>
      executor.submit({ kind: 'countAndWait', input: { started, flag: release }, isExtra })
    const jobs = [submit(true), submit(true), submit(true), submit(false)]
    const threads = threadsWithExtra(1)
    while (Atomics.load(started, 0) < threads) await turn()
    assert.equal(threads, Math.min(2, availableParallelism()))
    assert.equal(Atomics.load(started, 0), threads)
    Atomics.store(release, 0, 1)
    await Promise.all(jobs)
    await close(executor)
  })

  it('get urgent work done while the only thread runs another’s long job', async () => {
    const [busy, quick] = [join('urgent'), join('urgent')]
    const long = longJob(busy, -1)
    const queued = busy.submit({ kind: 'echo', input: 'behind it', priority: -1 })
    assert.equal(await quick.submit({ kind: 'echo', input: 'flush' }), 'flush')
    assert.equal(await quick.submit({ kind: 'echo', input: 'install', priority: 2 }), 'install')
    assert.equal(busy.activeCount, 2)
    await long.end()
    assert.equal(await queued, 'behind it')
    await close(busy, quick)
  })

  it('take turns with equal work on one thread', async () => {
    const executors = Array.from({ length: 4 }, () => join('turns'))
    const long = longJob(executors[0]!, -1)
    for (const executor of executors.slice(1)) {
      assert.equal(await executor.submit({ kind: 'echo', input: 'a compaction', priority: -1 }), 'a compaction')
    }
    await long.end()
    await close(...executors)
  })

  it('are four at most that take turns on a thread; the others wait for a place', async () => {
    const pool = new WorkerPool({ source, contextSpec: 'places' }, systemClock)
    const client = { threadsMax: 1, onAnswer: () => undefined, onLost: () => undefined }
    const flag = sharedInt()
    const seats = Array.from({ length: 4 * processorsToSpare() + 2 }, () => pool.join(client))
    for (const seat of seats) seat.submit({ kind: 'waitFor', input: { flag, value: 1 }, priority: -1 })
    assert.deepEqual(seats.flatMap((seat) => seat.withdraw()).length, 2)
    Atomics.store(flag, 0, 1)
    while (seats.some(({ activeCount }) => activeCount > 0)) await turn()
  })

  it('are served in turn when places are short', async () => {
    const places = Array.from({ length: 4 * processorsToSpare() - 1 }, () => join('short'))
    const longJobs = places.map((executor) => longJob(executor, 0))
    const [greedy, modest] = [join('short'), join('short')]
    const [log, cursor] = [new Uint8Array(new SharedArrayBuffer(16)), sharedInt()]
    const mark = (executor: WorkerExecutor, label: number) =>
      executor.submit({ kind: 'mark', input: { log, cursor, label } })
    await Promise.all([mark(greedy, 1), mark(greedy, 2), mark(greedy, 3), mark(modest, 11)])
    assert.deepEqual([...log.subarray(0, 4)], [1, 11, 2, 3])
    await Promise.all(longJobs.map((job) => job.end()))
    await close(...places, greedy, modest)
  })

  it('POOL-1: get their own answers: a blocked caller takes his, others hear in turns of their own', async () => {
    const [blocked, other] = [join('blocked'), join('blocked')]
    await threadOf(blocked)
    const heard: string[] = []
    other.submitPolled<string>({ kind: 'echo', input: 'other' }, () => heard.push('other'))
    blocked.submitPolled<string>({ kind: 'echo', input: 'blocked' }, () => heard.push('blocked'))
    while (!heard.includes('blocked')) blocked.poll(20)
    assert.deepEqual(heard, ['blocked'])
    assert.equal(other.activeCount, 1)
    await turn()
    await turn()
    assert.deepEqual([heard, other.activeCount], [['blocked', 'other'], 0])
    await close(blocked, other)
  })

  it('get the rest when they threw at what they were told', async () => {
    const clock = new HandClock()
    const pool = new WorkerPool({ source, contextSpec: 'throws' }, clock)
    let heardCount = 0
    const seat = pool.join({
      threadsMax: 3,
      onAnswer: () => {
        if (++heardCount === 1) throw new Error('a client threw')
      },
      onLost: () => undefined,
    })
    const flag = sharedInt()
    for (let i = 0; i < 3; i++) seat.submit({ kind: 'steps', input: { count: 1, flag }, priority: 0 })
    while (Atomics.load(flag, 0) < 3);
    Atomics.wait(sharedInt(), 0, 0, 100) // for the last bit of the way: all three are taken together
    assert.throws(() => seat.receive(), /a client threw/)
    while (seat.activeCount > 0) await clock.turn()
    assert.equal(heardCount, 3)
  })

  it('hear of a lost thread, each of its own jobs; those of others are lost with it', async () => {
    const events: string[] = []
    const note = (name: string) => (event: ExecutorEvent) => {
      events.push(`${name} ${event.type === 'workerLost' ? event.jobKind : event.type}`)
    }
    const [a, b, idle] = [join('lost', 1, note('a')), join('lost', 1, note('b')), join('lost', 1, note('idle'))]
    const lost = { code: 'INTERNAL', hint: 'worker lost' }
    const goesOn = { kind: 'waitFor', input: { flag: sharedInt(), value: 1 } }
    await Promise.all([
      assert.rejects(a.submit({ ...goesOn, priority: -1 }), lost),
      assert.rejects(b.submit(goesOn), lost),
      assert.rejects(a.submit({ kind: 'exit', input: { code: 3 }, priority: 1 }), lost),
    ])
    assert.deepEqual(events.toSorted(), ['a exit', 'b waitFor'])
    const echoes = [a, b, idle].map((executor) => executor.submit({ kind: 'echo', input: 1 }))
    assert.deepEqual(await Promise.all(echoes), [1, 1, 1])
    await close(a, b, idle)
  })

  it('POOL-4: leave when their jobs have ended, and no thread works for them then', async () => {
    const [leaving, staying] = [join('leaving'), join('leaving')]
    const long = longJob(leaving, 0)
    await staying.submit({ kind: 'echo', input: 'the long one has begun', priority: 1 })
    let hasLeft = false
    const closing = leaving.close().then(() => (hasLeft = true))
    for (let i = 0; i < 5; i++) await turn()
    assert.equal(hasLeft, false)
    await long.end()
    await closing
    assert.throws(() => leaving.submitPolled({ kind: 'echo', input: 1 }, () => undefined), { code: 'CLOSED' })
    await close(staying)
    const pool = new WorkerPool({ source, contextSpec: 'left' }, systemClock)
    const seat = pool.join({ threadsMax: 1, onAnswer: () => undefined, onLost: () => undefined })
    seat.submit({ kind: 'echo', input: 1, priority: 0 })
    assert.throws(() => seat.leave(), { code: 'INTERNAL' })
    while (seat.activeCount > 0) await turn()
    seat.leave()
  })

  it('get every answer once, whatever they do', async () => {
    const random = new SeededRandom(9, 'worker pool')
    let open = [join('any', 1), join('any', 2), join('any', 1)]
    const answers = new Map<number, number>()
    let submittedCount = 0
    for (let i = 0; i < 600; i++) {
      const executor = random.pick(open)
      const action = random.below(10)
      if (action < 7) {
        const id = submittedCount++
        const job = { kind: random.pick(['echo', 'echo', 'corrupt']), input: id, priority: random.below(4) - 1 }
        const deliver = (result: JobResult<number>): void => {
          assert.equal(result.ok ? result.output : id, id)
          answers.set(id, (answers.get(id) ?? 0) + 1)
        }
        executor.submitPolled<number>(job, deliver)
      } else if (action === 7) {
        executor.poll(random.below(3))
      } else if (action === 8) {
        await turn()
      } else if (random.chance(0.2)) {
        await executor.close()
        assert.equal(executor.activeCount, 0)
        open = [...open.filter((each) => each !== executor), join('any', 1 + random.below(2))]
      }
    }
    await close(...open)
    assert.deepEqual([...answers.values()], Array<number>(submittedCount).fill(1))
  })
})

describe('threads of the pool', () => {
  it('are as many as are needed, and end when nothing was to do for a while', async () => {
    const clock = new HandClock()
    const taskCount = process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0
    const pool = new WorkerPool({ source, contextSpec: 'idle' }, clock)
    const client = { threadsMax: 3, onAnswer: () => undefined, onLost: () => undefined }
    const seat = pool.join(client)
    assert.equal(pool.threadCount, 1, 'whether threads are allowed is known at once')
    await clock.advance(9_000)
    const flag = sharedInt()
    for (let i = 0; i < 5; i++) seat.submit({ kind: 'waitFor', input: { flag, value: 1 }, priority: 0 })
    assert.equal(pool.threadCount, 3)
    await clock.advance(60_000)
    assert.equal(pool.threadCount, 3)
    Atomics.store(flag, 0, 1)
    while (seat.activeCount > 0) await turn()
    await clock.advance(9_999)
    assert.equal(pool.threadCount, 3)
    await clock.advance(1)
    assert.equal(pool.threadCount, 0)
    if (process.platform === 'linux') while (readdirSync('/proc/self/task').length > taskCount) await turn()
    const second = pool.join(client)
    assert.equal(pool.threadCount, 0)
    second.submit({ kind: 'echo', input: 1, priority: 0 })
    while (second.activeCount > 0) await turn()
    assert.equal(pool.threadCount, 1)
    await clock.advance(10_000)
    assert.equal(pool.threadCount, 0)
  })

  it('of many databases together leave the program a processor', async () => {
    const pool = new WorkerPool({ source, contextSpec: 'many' }, systemClock)
    const client = { threadsMax: 1, onAnswer: () => undefined, onLost: () => undefined }
    const seats = Array.from({ length: 40 }, () => pool.join(client))
    const flag = sharedInt()
    for (const seat of seats) seat.submit({ kind: 'waitFor', input: { flag, value: 1 }, priority: 0 })
    assert.equal(pool.threadCount, Math.min(40, processorsToSpare()))
    Atomics.store(flag, 0, 1)
    while (seats.some(({ activeCount }) => activeCount > 0)) await turn()
  })

  it('do not keep the process, and are forgotten when they die', () => {
    const index = (name: string): string => new URL(`../../src/${name}/index.js`, import.meta.url).href
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', `
      import { keepAliveUntil, systemClock } from ${JSON.stringify(index('base'))}
      import { WorkerExecutor } from ${JSON.stringify(index('exec'))}
      const options = { workerCount: 1, contextSpec: 'spec', clock: systemClock, source: ${JSON.stringify(source)} }
      const executor = new WorkerExecutor(options)
      const flag = new Int32Array(new SharedArrayBuffer(4))
      await keepAliveUntil(systemClock, executor.submit({ kind: 'answerAndExit', input: { flag } }))
      await executor.close()
      while (Atomics.load(flag, 0) === 0) await new Promise((resolve) => setImmediate(resolve))
      const next = new WorkerExecutor(options)
      const answer = () => keepAliveUntil(systemClock, next.submit({ kind: 'echo', input: 2 }))
      // Taken before its end was heard of, its job is lost and told so, as of any thread that dies.
      console.log(await answer().catch(answer))
    `], { encoding: 'utf8', timeout: 30_000 })
    assert.deepEqual([child.status, child.stdout.trim(), child.stderr], [0, '2', ''])
  })
})

describe('copies of the package in one process', () => {
  it('share the pool, and each understands its answers', async () => {
    const { WorkerExecutor: CopiedExecutor, VarveError: CopiedError } = await importCopy()
    assert.notEqual(CopiedExecutor, WorkerExecutor)
    const mine = join('copies')
    const copied = new CopiedExecutor({ workerCount: 1, source, contextSpec: 'copies', clock: systemClock })
    assert.equal(await threadOf(copied), await threadOf(mine))
    const error = await copied.submit({ kind: 'corrupt', input: null }).catch((failure: unknown) => failure)
    assert.ok(error instanceof CopiedError)
    assert.equal(error.code, 'CORRUPTION')
    await close(mine, copied)
  })

  it('of another worker text have another', async () => {
    const [mine, newer] = [join('versions'), new WorkerExecutor({
      workerCount: 1, source: `${source} // a later version`, contextSpec: 'versions', clock: systemClock,
    })]
    assert.notEqual(await threadOf(mine), await threadOf(newer))
    await close(mine, newer)
  })
})

/** Imports the same modules from another place. */
async function importCopy(): Promise<{
  WorkerExecutor: typeof WorkerExecutor
  VarveError: typeof import('../../src/base/index.js').VarveError
}> {
  const copy = newDirectory()
  for (const folder of ['base', 'exec']) {
    cpSync(path.join(packageDir, 'dist/src', folder), path.join(copy, 'src', folder), { recursive: true })
  }
  cpSync(path.join(packageDir, 'package.json'), path.join(copy, 'package.json'))
  const load = (folder: string) => import(pathToFileURL(path.join(copy, 'src', folder, 'index.js')).href)
  return { ...(await load('exec')), ...(await load('base')) }
}
