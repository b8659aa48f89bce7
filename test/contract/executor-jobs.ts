/** Jobs for the executor's contract suite; they run on either side. */
import { threadId } from 'node:worker_threads'
import { corruption } from '../../src/base/index.js'
import type { JobTable } from '../../src/exec/index.js'

export interface TestContext {
  name: string
}

function* pause(): Generator<undefined, void, unknown> {
  yield undefined
}

export const testJobs: JobTable<TestContext> = {
  *echo(input: unknown) {
    yield* pause()
    return input
  },
  *contextName(_input: unknown, context: TestContext) {
    yield* pause()
    return context.name
  },
  *threadId() {
    yield* pause()
    return threadId
  },
  /** Appends its label to a shared log of bytes: shows the order in which jobs ran. */
  *mark(input: { log: Uint8Array; cursor: Int32Array; label: number }) {
    yield* pause()
    input.log[Atomics.add(input.cursor, 0, 1)] = input.label
  },
  /** Works until the flag is set, pausing all the time; a bound keeps a broken test from hanging. */
  *waitFor(input: { flag: Int32Array; value: number }) {
    for (let i = 0; i < 1e9 && Atomics.load(input.flag, 0) !== input.value; i++) yield undefined
    return Atomics.load(input.flag, 0)
  },
  /** Counts that it has begun, and waits for the flag. */
  *countAndWait(input: { started: Int32Array; flag: Int32Array }) {
    Atomics.add(input.started, 0, 1)
    for (let i = 0; i < 1e9 && Atomics.load(input.flag, 0) === 0; i++) yield undefined
  },
  *steps(input: { count: number; flag: Int32Array }) {
    for (let i = 0; i < input.count; i++) {
      Atomics.add(input.flag, 0, 1)
      yield undefined
    }
    return input.count
  },
  *corrupt() {
    yield* pause()
    throw corruption('000007.table', 4096, 'bad block checksum')
  },
  *noSpace() {
    yield* pause()
    const cause = new TypeError('below')
    throw Object.assign(new Error('ENOSPC: no space left on device', { cause }), {
      code: 'ENOSPC', errno: -28, syscall: 'write', path: '/data/000007.table',
    })
  },
  *notCloneable() {
    yield* pause()
    return () => 1
  },
  /** Sleeps, so that the answer comes while somebody waits for it. */
  *sleep(input: { durationMs: number }) {
    yield* pause()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, input.durationMs)
    return input.durationMs
  },
  /** Answers, and the thread ends as soon as the answer is posted. */
  *answerAndExit(input: { flag: Int32Array }) {
    yield* pause()
    setImmediate(() => {
      Atomics.store(input.flag, 0, 1)
      exitThread(0)
    })
    return 'answered'
  },
  *exit(input: { code: number }) {
    yield* pause()
    exitThread(input.code)
    // An ended thread goes no further than this.
    for (;;) yield undefined
  },
}

function exitThread(code: number): never {
  return process.exit(code)
}
