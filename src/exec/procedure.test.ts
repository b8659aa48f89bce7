import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drive, finished, jobResult, runJob, waitFor } from './procedure.js'
import type { Procedure } from './procedure.js'
import type { Job, JobResult } from './job.js'

const told: string[] = []

/** An executor that answers jobs when it is told to. */
class Answers {
  waiting: ((result: JobResult<never>) => void)[] = []
  submitPolled = <Output>(job: Job, deliver: (result: JobResult<Output>) => void): void => {
    told.push(`begins ${job.kind}`)
    this.waiting.push(deliver as (result: JobResult<never>) => void)
  }

  answer(result: JobResult<unknown>): void {
    this.waiting.shift()!(result as JobResult<never>)
  }
}

function* story(answers: Answers): Procedure<void> {
  const first = yield* runJob<number>(answers, { kind: 'a', input: null })
  told.push(`a gave ${first}`)
  const second = yield* jobResult<number>(answers, { kind: 'b', input: null })
  told.push(second.ok ? `b gave ${second.output}` : `b failed: ${second.error}`)
  try {
    yield* runJob(answers, { kind: 'c', input: null })
  } catch (error) {
    told.push(`c failed: ${error}`)
  }
}

test('a procedure goes on inside the answer that it waited for, not a turn later', () => {
  told.length = 0
  const answers = new Answers()
  drive(story(answers))
  assert.deepEqual(told.splice(0), ['begins a'])
  answers.answer({ ok: true, output: 1 })
  assert.deepEqual(told.splice(0), ['a gave 1', 'begins b'])
  answers.answer({ ok: false, error: 'no' })
  assert.deepEqual(told.splice(0), ['b failed: no', 'begins c'])
  answers.answer({ ok: false, error: 'nor this' })
  assert.deepEqual(told.splice(0), ['c failed: nor this'])
  assert.equal(answers.waiting.length, 0)
})

test('a procedure that is awaited gives what it returns, or what it threw', async () => {
  const answers = new Answers()
  const given = finished(runJob<number>(answers, { kind: 'd', input: null }))
  answers.answer({ ok: true, output: 5 })
  assert.equal(await given, 5)
  const failed = finished(runJob<number>(answers, { kind: 'e', input: null }))
  answers.answer({ ok: false, error: new Error('no') })
  await assert.rejects(failed, /no/)
})

test('a hundred thousand answers that come at once need no deep stack', () => {
  let sum = 0
  function* counting(): Procedure<void> {
    for (let i = 0; i < 100_000; i++) sum += yield* waitFor<number>((resume) => resume(1))
  }
  drive(counting())
  assert.equal(sum, 100_000)
})

test('what it throws meets whoever gave the answer', () => {
  function* failing(): Procedure<void> {
    yield* waitFor((resume) => resume(null))
    throw new Error('a bug')
  }
  assert.throws(() => drive(failing()), /a bug/)
})
