/** What: the source of a streamed put that gives a part of its bytes and then waits until it is told how to go on. */
import { VarveError } from '../../../src/base/index.js'

/** How a stream ends: stored; or its source fails, ends before its length, or its signal fires. */
export type StreamEnd = 'stored' | 'fails' | 'short' | 'aborts'

export const STREAM_ENDS: readonly StreamEnd[] = ['stored', 'stored', 'stored', 'stored', 'fails', 'short', 'aborts']

export interface StreamPlan {
  value: Uint8Array
  pieceBytes: number
  /** Bytes that it gives before it waits. */
  givenFirst: number
  end: StreamEnd
}

export class GatedSource {
  private readonly plan: StreamPlan
  private readonly controller = new AbortController()
  private go: () => void = () => undefined
  private readonly gate = new Promise<void>((resolve) => (this.go = resolve))

  constructor(plan: StreamPlan) {
    this.plan = plan
  }

  /** The options of the put. */
  get options(): { length?: number; signal?: AbortSignal } {
    const { plan: { end, value }, controller: { signal } } = this
    return { ...(end === 'short' ? { length: value.length + 1 } : {}), ...(end === 'aborts' ? { signal } : {}) }
  }

  async* [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { value, pieceBytes, givenFirst, end } = this.plan
    yield* piecesOf(value.subarray(0, givenFirst), pieceBytes)
    await this.gate
    yield* piecesOf(value.subarray(givenFirst), pieceBytes)
    if (end === 'fails') throw new Error('the source is gone')
    if (end === 'aborts') await new Promise(() => undefined)
  }

  /** Lets it go on to its end. */
  release(): void {
    this.go()
    if (this.plan.end === 'aborts') this.controller.abort()
  }
}

export function* piecesOf(value: Uint8Array, pieceBytes: number): Generator<Uint8Array> {
  for (let at = 0; at < value.length; at += pieceBytes) yield value.slice(at, at + pieceBytes)
}

/** What a put that ended so has answered. */
export function endOf(error: unknown): string {
  if (VarveError.is(error)) return error.code
  return (error as Error).name === 'AbortError' ? 'ABORTED' : String((error as Error).stack)
}

/** What a put must answer that ends so. */
export const EXPECTED_END: Record<StreamEnd, string> = {
  stored: 'stored', fails: 'SOURCE_FAILED', short: 'SOURCE_FAILED', aborts: 'ABORTED',
}
