/**
 * What: a platform on which nothing but a call that waits keeps the process alive: each operation of the file system
 * ends with a timer that does not keep it alive, and so does each answer of a job. So a program ends in the middle of
 * an `await` wherever no code says that a call waits.
 */
import { setTimeout } from 'node:timers'
import { InThreadExecutor } from '../../../src/exec/index.js'
import type { Executor, ExecutorFactory, Job, JobResult } from '../../../src/exec/index.js'
import type { Vfs, VfsFile } from '../../../src/vfs/index.js'

const DELAY_MS = 1
/** A write takes longer than what goes on beside it. */
const WRITE_DELAY_MS = 20

function looseTimer(delayMs = DELAY_MS): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, delayMs).unref())
}

export interface LooseFaults {
  /** Throws to fail the call, named as in watched-vfs.ts. */
  before(name: string, path: string): void
}

export function looseVfs(vfs: Vfs, faults: LooseFaults): Vfs {
  return loosen(vfs, faults, '', null)
}

function loosen<T extends object>(target: T, faults: LooseFaults, ownPath: string, workerSpec: null): T {
  return new Proxy(target, {
    get(_, property) {
      if (property === 'workerSpec') return workerSpec
      const value = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      if (['join', 'parent', 'lock'].includes(String(property))) return value.bind(target)
      return (...args: unknown[]) => {
        const name = String(property).replace(/Sync$/, '')
        const path = ownPath || String(args[0])
        faults.before(name === 'open' ? `open ${args[1]}` : name, path)
        const wrap = (result: unknown) =>
          (name === 'open' ? loosen(result as VfsFile, faults, path, workerSpec) : result)
        const result: unknown = Reflect.apply(value, target, args)
        if (!(result instanceof Promise)) return wrap(result)
        return result.then(async (settled) => {
          await looseTimer(name === 'write' ? WRITE_DELAY_MS : DELAY_MS)
          return wrap(settled)
        })
      }
    },
  })
}

/** Makes an executor that runs jobs here, in slices; `isLost` names those that never end. */
export function looseExecutor(isLost: (job: Job) => boolean = () => false): ExecutorFactory {
  return (jobs, context, clock) => {
    const inner = new InThreadExecutor(jobs, context, clock)
    const submitPolled = <Output>(job: Job, deliver: (result: JobResult<Output>) => void): void => {
      if (isLost(job)) return
      inner.submitPolled<Output>(job, (result) => void looseTimer().then(() => deliver(result)))
    }
    return {
      workerCount: 1,
      submitPolled,
      submit: <Output>(job: Job) => new Promise<Output>((resolve, reject) => {
        submitPolled<Output>(job, (result) => (result.ok ? resolve(result.output) : reject(result.error)))
      }),
      poll: (waitMs) => inner.poll(waitMs),
      get activeCount() {
        return inner.activeCount
      },
      get isClosed() {
        return inner.isClosed
      },
      close: () => inner.close(),
    } satisfies Executor
  }
}
