/**
 * What: one value in pieces, each read when it is asked for, so that no more than a piece of it is in memory.
 * Owns: a hold on the read state, from the call until the stream has ended, is left, or the database is closed.
 * Thread: main.
 * States: open → ended.
 */
import { isApart } from '../iterator/index.js'
import type { PointReader } from './point-read.js'
import { readAnew } from './read-anew.js'
import type { ReadMoment } from './read-anew.js'
import type { ReadView, Resource } from './read-view.js'
import { ofKey, PIECE_BYTES, piecesOf } from './value-reader.js'

/** A part of a value. An end behind the end of the value stands for that. */
export interface ValuePart {
  start: number
  end: number
}

type Piece = IteratorResult<Uint8Array, undefined>

const ENDED: Piece = { done: true, value: undefined }

class ValueStream implements AsyncIterableIterator<Uint8Array, undefined>, Resource {
  readonly #view: ReadView
  readonly #moment: ReadMoment
  readonly #key: Uint8Array
  readonly #pieces: AsyncGenerator<Uint8Array, undefined>
  #isOpen = true

  constructor(view: ReadView, moment: ReadMoment, key: Uint8Array, pieces: AsyncGenerator<Uint8Array, undefined>) {
    this.#view = view
    this.#moment = moment
    this.#key = key
    this.#pieces = pieces
    moment.state.hold()
    view.attach(this)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<Piece> {
    if (!this.#isOpen) {
      this.#view.checkReadable()
      return ENDED
    }
    try {
      const piece = await this.#view.iterators.valueReads.run(this.#moment.state, () => this.#pieces.next())
      if (piece.done === true) this.cut()
      return piece
    } catch (error) {
      this.cut()
      throw ofKey(error, this.#key)
    }
  }

  async return(): Promise<Piece> {
    this.cut()
    return ENDED
  }

  /** Ends it: what it held may go. */
  cut(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#view.detach(this)
    this.#moment.state.release()
  }
}

/** A stream of the value of `key`, which it keeps; null when there is none. */
export function openValueStream(
  view: ReadView, reads: PointReader, moment: ReadMoment, key: Uint8Array, part: ValuePart,
): AsyncIterableIterator<Uint8Array, undefined> | null {
  const open = (at: ReadMoment): ValueStream | null => openAt(view, reads, at, key, part)
  try {
    return open(moment)
  } catch (error) {
    return readAnew(view, moment, error, open)
  }
}

function openAt(
  view: ReadView, reads: PointReader, moment: ReadMoment, key: Uint8Array, part: ValuePart,
): ValueStream | null {
  const found = reads.locate(moment, key)
  if (found === null) return null
  if (isApart(found.kind)) {
    const place = reads.placeOf(key)
    return new ValueStream(view, moment, key, piecesOf(place, part.start, Math.min(part.end, place.length)))
  }
  const { valueBytes, valueStart, valueEnd } = found
  const start = Math.min(valueEnd, valueStart + part.start)
  const end = Math.min(valueEnd, valueStart + part.end)
  // What stands in a memtable stays there with the state; what a table lends does not.
  const isHeld = moment.state.memtables.some(({ bytes }) => bytes === valueBytes)
  const bytes = isHeld ? valueBytes.subarray(start, end) : valueBytes.slice(start, end)
  return new ValueStream(view, moment, key, slicesOf(view, bytes))
}

async function* slicesOf({ turns }: ReadView, bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    await turns.next()
    const piece = new Uint8Array(Math.min(PIECE_BYTES, bytes.length - at))
    piece.set(bytes.subarray(at, at + piece.length))
    yield piece
  }
}
