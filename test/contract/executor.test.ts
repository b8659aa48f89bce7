/**
 * One suite for both executors: jobs run in order of priority, results and errors come back whole and
 * exactly once, with or without a turn of the event loop; then what only threads can do, such as die.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { VarveError, systemClock } from '../../src/base/index.js'
import {
  InThreadExecutor, WorkerExecutor, makeExecutor, workerSource,
} from '../../src/exec/index.js'
import { SimExecutor } from '../../src/exec/sim-executor.js'
import type { Executor, ExecutorEvent, JobResult, JobTable } from '../../src/exec/index.js'
import { keepProcess } from '../support/harness/keep-process.js'
import { testJobs } from './executor-jobs.js'

/** Neither jobs nor threads keep a process: who waits for them does. */
keepProcess()

const source = `import(${JSON.stringify(new URL('./executor-worker.js', import.meta.url).href)})`

function threads(workerCount = 1, onEvent?: (event: ExecutorEvent) => void): WorkerExecutor {
  return new WorkerExecutor({ workerCount, source, contextSpec: 'spec', clock: systemClock, onEvent })
}

function inThread(): InThreadExecutor<{ name: string }> {
  return new InThreadExecutor(testJobs, { name: 'made from spec' }, systemClock)
}

function simulated(): SimExecutor<{ name: string }> {
  return new SimExecutor(testJobs, { name: 'made from spec' }, systemClock, { seed: 5, workerCount: 1 })
}

async function using(executor: Executor, body: (executor: Executor) => Promise<void>): Promise<void> {
  try {
    await body(executor)
  } finally {
    await executor.close()
  }
}

function sharedInt(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4))
}

/** Polls with the loop standing still until `done`. */
function pollUntil(executor: Executor, done: () => boolean): void {
  for (let i = 0; i < 1000 && !done(); i++) executor.poll(20)
  assert.ok(done(), 'no result by poll')
}

function contract(name: string, make: () => Executor): void {
  describe(name, () => {
    it('gives back the output, and the context its thread made', () => using(make(), async (executor) => {
      const input = { n: 1, bytes: new Uint8Array([1, 2]) }
      assert.deepEqual(await executor.submit({ kind: 'echo', input }), input)
      assert.equal(await executor.submit({ kind: 'contextName', input: null }), 'made from spec')
    }))

    it('never runs or delivers inside submit', () => using(make(), async (executor) => {
      let delivered = false
      await new Promise<void>((resolve) => {
        executor.submitPolled({ kind: 'echo', input: 1 }, () => {
          delivered = true
          resolve()
        })
        assert.equal(delivered, false)
        assert.equal(executor.activeCount, 1)
      })
      assert.equal(executor.activeCount, 0)
    }))

    it('shares memory with jobs', () => using(make(), async (executor) => {
      const flag = sharedInt()
      await executor.submit({ kind: 'steps', input: { count: 3, flag } })
      assert.equal(Atomics.load(flag, 0), 3)
    }))

    it('takes higher priority first, then the order of submission', () => using(make(), async (executor) => {
      const [flag, cursor] = [sharedInt(), sharedInt()]
      const log = new Uint8Array(new SharedArrayBuffer(8))
      // Busy with the first job until the flag rises: with one thread the others must wait.
      const first = executor.submit({ kind: 'waitFor', input: { flag, value: 1 }, priority: 9 })
      const others = [[1, 0], [2, 5], [3, 0], [4, 5], [5, -1]].map(([label, priority]) =>
        executor.submit({ kind: 'mark', input: { log, cursor, label }, priority: priority! }))
      Atomics.store(flag, 0, 1)
      await Promise.all([first, ...others])
      assert.deepEqual([...log.subarray(0, 5)], [2, 4, 1, 3, 5])
    }))

    it('keeps code, file, offset and hint of a VarveError', () => using(make(), async (executor) => {
      const error = await executor.submit({ kind: 'corrupt', input: null }).then(
        () => assert.fail('must reject'), (error: unknown) => error)
      assert.ok(error instanceof VarveError && VarveError.is(error))
      assert.equal(error.code, 'CORRUPTION')
      assert.equal(error.file, '000007.table')
      assert.equal(error.offset, 4096)
      assert.match(error.message, /000007\.table at offset 4096: bad block checksum/)
      assert.match(error.hint!, /backup/)
      assert.match(error.stack!, /executor-jobs/)
    }))

    it('keeps the errno of a system error, and its cause', () => using(make(), async (executor) => {
      await assert.rejects(executor.submit({ kind: 'noSpace', input: null }), (error: Error) => {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
        assert.equal((error as NodeJS.ErrnoException).errno, -28)
        assert.equal((error as NodeJS.ErrnoException).syscall, 'write')
        assert.equal((error as NodeJS.ErrnoException).path, '/data/000007.table')
        assert.equal((error.cause as Error).name, 'TypeError')
        assert.equal((error.cause as Error).message, 'below')
        return true
      })
    }))

    it('refuses a job that it does not know, and goes on', () => using(make(), async (executor) => {
      for (const kind of ['nothing', 'toString', '__proto__']) {
        await assert.rejects(executor.submit({ kind, input: null }), { code: 'INTERNAL' })
      }
      assert.equal(await executor.submit({ kind: 'echo', input: 2 }), 2)
    }))

    it('delivers by poll while the loop stands still', () => using(make(), async (executor) => {
      const results: JobResult<number>[] = []
      executor.submitPolled<number>({ kind: 'echo', input: 1 }, (result) => results.push(result))
      executor.submitPolled<number>({ kind: 'corrupt', input: null }, (result) => results.push(result))
      pollUntil(executor, () => results.length === 2)
      assert.deepEqual(results[0], { ok: true, output: 1 })
      assert.equal(results[1]!.ok, false)
      assert.equal(executor.activeCount, 0)
    }))

    it('delivers each result once, whoever sees it', () => using(make(), async (executor) => {
      const counts = new Array<number>(60).fill(0)
      for (let i = 0; i < counts.length; i++) {
        executor.submitPolled<number>({ kind: 'echo', input: i }, (result) => {
          assert.ok(result.ok)
          counts[result.output]!++
        })
        if (i % 3 === 0) executor.poll(i % 2)
        if (i % 5 === 0) await new Promise<void>((resolve) => systemClock.defer(resolve))
      }
      while (executor.activeCount > 0) {
        executor.poll(1)
        await new Promise<void>((resolve) => systemClock.defer(resolve))
      }
      assert.deepEqual(counts, counts.map(() => 1))
    }))

    it('takes new jobs from inside deliver', () => using(make(), async (executor) => {
      const seen: number[] = []
      const chain = (n: number): void => executor.submitPolled({ kind: 'echo', input: n }, () => {
        seen.push(n)
        if (n < 5) chain(n + 1)
      })
      chain(1)
      pollUntil(executor, () => seen.length === 5)
      assert.deepEqual(seen, [1, 2, 3, 4, 5])
    }))

    it('poll with nothing to do returns at once', () => using(make(), async (executor) => {
      assert.equal(executor.poll(60_000), 0)
    }))

    it('close waits for what runs, fails what has not begun, then refuses', async () => {
      const executor = make()
      const flag = sharedInt()
      const running = executor.submit({ kind: 'waitFor', input: { flag, value: 1 } })
      await new Promise<void>((resolve) => systemClock.defer(resolve))
      const waiting = executor.submit({ kind: 'echo', input: 1 })
      let closed = false
      const closing = executor.close().then(() => (closed = true))
      await assert.rejects(waiting, { code: 'ABORTED' })
      await new Promise<void>((resolve) => systemClock.defer(resolve))
      assert.equal(closed, false)
      Atomics.store(flag, 0, 1)
      assert.equal(await running, 1)
      await closing
      assert.equal(executor.activeCount, 0)
      await assert.rejects(executor.submit({ kind: 'echo', input: 1 }), { code: 'CLOSED' })
      assert.throws(() => executor.submitPolled({ kind: 'echo', input: 1 }, () => {}), { code: 'CLOSED' })
      await executor.close()
    })
  })
}

contract('InThreadExecutor', inThread)
contract('WorkerExecutor', threads)
contract('SimExecutor', simulated)

describe('InThreadExecutor only', () => {
  it('pauses between slices, so that the loop turns', () => using(inThread(), async (executor) => {
    const flag = sharedInt()
    const job = executor.submit({ kind: 'waitFor', input: { flag, value: 1 } })
    for (let turns = 0; turns < 3; turns++) {
      await new Promise<void>((resolve) => systemClock.defer(resolve))
    }
    Atomics.store(flag, 0, 1)
    assert.equal(await job, 1)
  }))

  it('suspends a job that has begun for one of higher priority', () => using(inThread(), async (executor) => {
    const flag = sharedInt()
    const low = executor.submit({ kind: 'waitFor', input: { flag, value: 1 } })
    await new Promise<void>((resolve) => systemClock.defer(resolve))
    assert.equal(await executor.submit({ kind: 'echo', input: 7, priority: 1 }), 7)
    Atomics.store(flag, 0, 1)
    assert.equal(await low, 1)
  }))
})

describe('InThreadExecutor with a context for each job', () => {
  const made: { ended: boolean | null; finish: (error?: unknown) => void }[] = []
  const executor = new InThreadExecutor(testJobs, { name: 'shared' }, systemClock, () => {
    const job = { ended: null as boolean | null, finish: (_error?: unknown): void => undefined }
    made.push(job)
    return {
      context: { name: `own ${made.length}` },
      end(hasSucceeded) {
        job.ended = hasSucceeded
        return new Promise((resolve, reject) => {
          job.finish = (error) => (error === undefined ? resolve() : reject(error))
        })
      },
    }
  })
  const whenEnding = async (at: number): Promise<void> => {
    while ((made[at]?.ended ?? null) === null) await new Promise((resolve) => setImmediate(resolve))
  }

  it('answers only when what must be awaited is done, with its error if it fails', async () => {
    const answers: unknown[] = []
    const submit = (kind: string, input?: unknown) => executor.submit({ kind, input })
      .then((output) => answers.push(output), (error: unknown) => answers.push((error as { code: string }).code))
    const [first, second, third] = [submit('contextName'), submit('echo', 'x'), submit('corrupt')]
    await whenEnding(2)
    assert.deepEqual([answers, made.map(({ ended }) => ended), executor.activeCount], [[], [true, true, false], 3])
    made[1]!.finish({ code: 'EIO' })
    await second
    made[0]!.finish()
    await first
    made[2]!.finish()
    await third
    assert.deepEqual(answers, ['EIO', 'own 1', 'CORRUPTION'])
  })

  it('delivers nothing by poll, and closes when the last is answered', async () => {
    const answer = executor.submit({ kind: 'echo', input: 1 })
    assert.equal(executor.poll(0), 0)
    let isClosed = false
    const closing = executor.close().then(() => {
      isClosed = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(isClosed, false)
    made[3]!.finish()
    assert.equal(await answer, 1)
    await closing
  })
})

describe('SimExecutor only', () => {
  /** The order in which the steps of some jobs, and their answers, happen. */
  async function orderOf(seed: number): Promise<string> {
    const order: string[] = []
    const jobs: JobTable<null> = {
      *three(name: string) {
        for (let i = 1; i <= 3; i++) {
          order.push(`${name}${i}`)
          yield undefined
        }
      },
    }
    const executor = new SimExecutor(jobs, null, systemClock, { seed })
    const answers = ['a', 'b', 'c', 'd'].map(async (input) => {
      await executor.submit({ kind: 'three', input })
      order.push(`${input}!`)
    })
    await Promise.all(answers)
    await executor.close()
    return order.join(' ')
  }

  it('interleaves jobs and their answers as the seed says, each time the same', async () => {
    const orders = await Promise.all(Array.from({ length: 30 }, (_, seed) => orderOf(seed)))
    assert.equal(new Set(orders).size, 30)
    assert.deepEqual(orders, await Promise.all(orders.map((_, seed) => orderOf(seed))))
    const some = (test: (at: (step: string) => number) => boolean) =>
      orders.some((order) => test((step) => order.indexOf(step)))
    assert.ok(some((at) => at('a1') < at('b1') && at('b1') < at('a2')), 'two run at the same time')
    assert.ok(some((at) => at('b!') < at('a!')), 'an answer overtakes another')
    assert.ok(some((at) => at('a3') < at('b3') && at('b3') < at('a!')), 'an answer comes late')
    assert.ok(!some((at) => at('d1') < Math.min(at('a3'), at('b3'), at('c3'))), 'no more than three at a time')
  })

  it('may answer nothing at a poll that does not wait, and something at one that does', () => {
    const polled = Array.from({ length: 20 }, (_, seed) => {
      const executor = new SimExecutor(testJobs, { name: '' }, systemClock, { seed })
      executor.submitPolled({ kind: 'echo', input: 1 }, () => {})
      return [executor.poll(0), executor.poll(1), executor.activeCount]
    })
    assert.deepEqual(polled, polled.map(() => [0, 1, 0]))
  })
})

describe('WorkerExecutor only', () => {
  it('lets a long job stand back at its pauses for more urgent ones', () => using(threads(1), async (executor) => {
    const flag = sharedInt()
    const order: string[] = []
    const background = (kind: string, input: unknown) => executor.submit({ kind, input, priority: -1 })
    const long = background('waitFor', { flag, value: 1 }).then(() => order.push('long'))
    const second = background('echo', 2).then(() => order.push('second'))
    assert.equal(await executor.submit({ kind: 'echo', input: 'urgent' }), 'urgent')
    assert.equal(await executor.submit({ kind: 'echo', input: 'again', priority: 2 }), 'again')
    await assert.rejects(executor.submit({ kind: 'corrupt', input: null }), { code: 'CORRUPTION' })
    let polled = false
    executor.submitPolled({ kind: 'echo', input: 1 }, () => (polled = true))
    pollUntil(executor, () => polled)
    assert.deepEqual([order, executor.activeCount], [[], 2])
    Atomics.store(flag, 0, 1)
    await Promise.all([long, second])
    assert.deepEqual(order, ['long', 'second'])
  }))

  it('delivers by poll all answers of a thread that came together', () => using(threads(1), async (executor) => {
    const [flag, cursor] = [sharedInt(), sharedInt()]
    const answers: string[] = []
    const note = (name: string) => () => answers.push(name)
    executor.submitPolled({ kind: 'waitFor', input: { flag, value: 1 }, priority: -1 }, note('long'))
    await executor.submit({ kind: 'echo', input: 'the long one has begun' })
    const input = { log: new Uint8Array(new SharedArrayBuffer(1)), cursor, label: 7 }
    executor.submitPolled({ kind: 'mark', input }, note('urgent'))
    while (Atomics.load(cursor, 0) === 0) Atomics.wait(sharedInt(), 0, 0, 5)
    Atomics.store(flag, 0, 1)
    Atomics.wait(sharedInt(), 0, 0, 50)
    pollUntil(executor, () => answers.length === 2)
    assert.deepEqual(answers, ['urgent', 'long'])
  }))

  it('POOL-3: fails both jobs of a thread that ends while one stands back for the other', async () => {
    const events: ExecutorEvent[] = []
    await using(threads(1, (event) => events.push(event)), async (executor) => {
      const flag = sharedInt()
      const long = executor.submit({ kind: 'waitFor', input: { flag, value: 1 }, priority: -1 })
      const lost = { code: 'INTERNAL', hint: 'worker lost' }
      await Promise.all([
        assert.rejects(long, lost), assert.rejects(executor.submit({ kind: 'exit', input: { code: 3 } }), lost),
      ])
      assert.deepEqual(events.map(({ type }) => type), ['workerLost'])
      assert.equal(await executor.submit({ kind: 'echo', input: 1 }), 1)
    })
  })

  it('uses as many threads as it was given', () => using(threads(2), async (executor) => {
    const flag = sharedInt()
    const waiting = executor.submit({ kind: 'waitFor', input: { flag, value: 1 } })
    assert.equal(await executor.submit({ kind: 'echo', input: 7 }), 7)
    Atomics.store(flag, 0, 1)
    assert.equal(await waiting, 1)
  }))

  it('poll sleeps until an answer comes, not longer than it may', () => using(threads(), async (executor) => {
    await executor.submit({ kind: 'echo', input: 0 })
    const flag = sharedInt()
    let done = false
    executor.submitPolled({ kind: 'waitFor', input: { flag, value: 1 } }, () => (done = true))
    assert.equal(executor.poll(5), 0)
    assert.equal(done, false)
    Atomics.store(flag, 0, 1)
    // Far above any delay of a busy machine; returns as soon as the worker has notified.
    assert.equal(executor.poll(60_000), 1)
    assert.equal(done, true)
  }))

  it('an answer ends the sleep of poll', () => {
    // Without it the child would sleep for an hour, and be killed.
    const report = runScript([], `
      const executor = new WorkerExecutor({
        workerCount: 1, contextSpec: 'spec', clock: systemClock, source: ${JSON.stringify(source)},
      })
      await keepAliveUntil(systemClock, executor.submit({ kind: 'echo', input: 1 }))
      executor.submitPolled({ kind: 'sleep', input: { durationMs: 200 } }, (result) => console.log(result.output))
      console.log(executor.poll(3_600_000))
    `)
    assert.equal(report, '200\n1\n')
  })

  it('takes the answer of a thread that ended before anybody looked, once', async () => {
    const events: ExecutorEvent[] = []
    await using(threads(1, (event) => events.push(event)), async (executor) => {
      await executor.submit({ kind: 'echo', input: 0 })
      const flag = sharedInt()
      const results: JobResult<string>[] = []
      executor.submitPolled<string>({ kind: 'answerAndExit', input: { flag } }, (result) => results.push(result))
      while (Atomics.load(flag, 0) === 0);
      // Sent before its end was heard of, this one is lost and told so, as of any thread that dies.
      const again = () => executor.submit({ kind: 'echo', input: 2 })
      assert.equal(await again().catch(again), 2)
      assert.deepEqual(results, [{ ok: true, output: 'answered' }])
      assert.ok(events.every((event) => event.type === 'workerLost' && event.jobKind === 'echo'))
    })
  })

  it('fails the job of a thread that ends, tells it, and starts another', async () => {
    const events: ExecutorEvent[] = []
    await using(threads(1, (event) => events.push(event)), async (executor) => {
      const lost = executor.submit({ kind: 'exit', input: { code: 3 } })
      const next = executor.submit({ kind: 'echo', input: 8 })
      await assert.rejects(lost, { code: 'INTERNAL', hint: 'worker lost' })
      assert.equal(await next, 8)
      assert.equal(events.length, 1)
      assert.deepEqual([events[0]!.type, (events[0] as { jobKind: string }).jobKind], ['workerLost', 'exit'])
    })
  })

  it('fails jobs when the worker cannot make its context, each once', async () => {
    const executor = new WorkerExecutor({
      workerCount: 1, source, contextSpec: 'broken', clock: systemClock,
    })
    for (let i = 0; i < 2; i++) {
      await assert.rejects(executor.submit({ kind: 'echo', input: 1 }), (error: VarveError) => {
        assert.equal(error.hint, 'worker lost')
        return true
      })
    }
    await executor.close()
  })

  it('reports input and output that cannot cross threads', () => using(threads(), async (executor) => {
    await assert.rejects(executor.submit({ kind: 'echo', input: () => 1 }), { name: 'DataCloneError' })
    await assert.rejects(executor.submit({ kind: 'notCloneable', input: 1 }), { name: 'DataCloneError' })
    assert.equal(await executor.submit({ kind: 'echo', input: 9 }), 9)
  }))
})

describe('makeExecutor', () => {
  const jobs = testJobs
  const common = { jobs, context: { name: 'here' }, clock: systemClock, source }

  it('gives threads only where asked for and where the context can cross', async () => {
    const none = makeExecutor({ ...common, workerCount: 0, contextSpec: 'spec' })
    const cannot = makeExecutor({ ...common, workerCount: 2, contextSpec: null })
    const two = makeExecutor({ ...common, workerCount: 2, contextSpec: 'spec' })
    assert.deepEqual([none, cannot, two].map((executor) => executor.workerCount), [0, 0, 2])
    await Promise.all([none.close(), cannot.close(), two.close()])
  })

  it('works in this thread, with an event, where threads are forbidden', () => {
    const flag = process.allowedNodeEnvironmentFlags.has('--permission')
      ? '--permission' : '--experimental-permission'
    const report = runScript([flag, '--allow-fs-read=*'], `
      const events = []
      const executor = makeExecutor({
        workerCount: 1, contextSpec: 'spec', source: '', clock: systemClock, context: {},
        jobs: { *echo(input) { return input } }, onEvent: (event) => events.push(event),
      })
      const output = await keepAliveUntil(systemClock, executor.submit({ kind: 'echo', input: 5 }))
      await executor.close()
      console.log(JSON.stringify([executor.workerCount, output, events[0].type, events[0].error.code]))
    `)
    assert.deepEqual(JSON.parse(report), [0, 5, 'workersRefused', 'ERR_ACCESS_DENIED'])
  })

  it('jobs do not keep the process, here or in threads, unless somebody waits', () => {
    const report = runScript([], `
      const jobs = { *forever() { for (;;) yield }, *echo(input) { yield; return input } }
      const executors = [
        makeExecutor({ workerCount: 0, contextSpec: null, source: '', clock: systemClock, context: {}, jobs }),
        new WorkerExecutor({
          workerCount: 1, contextSpec: 'spec', clock: systemClock, source: ${JSON.stringify(source)},
        }),
      ]
      for (const executor of executors) {
        const answer = executor.submit({ kind: 'echo', input: 6, priority: 1 })
        console.log(await keepAliveUntil(systemClock, answer))
      }
      const flag = new Int32Array(new SharedArrayBuffer(4))
      executors[0].submitPolled({ kind: 'forever', input: null }, () => {})
      executors[1].submitPolled({ kind: 'waitFor', input: { flag, value: 1 } }, () => {})
      console.log('through')
    `)
    assert.equal(report, '6\n6\nthrough\n')
  })

  it('the bundled worker starts and answers, in a program that is a module too', () => {
    assert.ok(workerSource.length > 0, 'run scripts/build.mjs')
    const report = runScript([], `
      const executor = new WorkerExecutor({
        workerCount: 1, contextSpec: { vfs: { kind: 'node' } }, clock: systemClock, source: workerSource,
      })
      const answer = keepAliveUntil(systemClock, executor.submit({ kind: 'no such job', input: 6 }))
      answer.catch((error) => console.log(error.message))
    `)
    assert.equal(report.trim(), 'no job of kind no such job')
  })
})

/** Runs text as a module in a process of its own; gives what it printed. */
function runScript(flags: string[], text: string): string {
  const index = (name: string): string => new URL(`../../src/${name}/index.js`, import.meta.url).href
  const head = `
    import { keepAliveUntil, systemClock } from ${JSON.stringify(index('base'))}
    import { WorkerExecutor, makeExecutor, workerSource } from ${JSON.stringify(index('exec'))}
  `
  const child = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', head + text], {
    encoding: 'utf8', timeout: 30_000,
  })
  assert.equal(child.status, 0, child.stderr)
  return child.stdout
}
