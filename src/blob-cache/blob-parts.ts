/**
 * What: reads of a part of a blob: into memory, into the caller's memory, as a stream; and what is known of it without
 * its value.
 * Thread: main.
 * Invariants: BC-1 every part is checked before it is given.
 */
import { keepAliveUntil, unfilledBytes } from '../base/index.js'
import type { AbortWatch, Clock } from '../base/index.js'
import { entryOfFacts } from './blob-entry.js'
import type { BlobEntry } from './blob-entry.js'
import type { HashedKey } from './blob-hash.js'
import type { BlobReader, HeldParts } from './blob-reader.js'
import type { MissReason, RecordFacts } from './record-facts.js'
import { BlobStream } from './blob-stream.js'
import type { StreamParts } from './blob-stream.js'
import { PartMissing } from './record-parts.js'

/** A part of a value, from `start` up to `end`, which may be behind its end. */
export interface BlobPart {
  readonly start: number
  readonly end: number
}

/** What came of a read into the caller's memory. */
export interface ReadInto {
  /** Bytes that were written there. */
  bytes: number
  /** Bytes of the whole blob. */
  size: number
}

export class BlobParts {
  private readonly reader: BlobReader
  private readonly clock: Clock
  private readonly checkOpen: () => void

  constructor(reader: BlobReader, clock: Clock, checkOpen: () => void) {
    this.checkOpen = checkOpen
    this.reader = reader
    this.clock = clock
  }

  /** Tells what there is under a key, without its value, and without a visit. */
  async entry(key: HashedKey): Promise<BlobEntry | undefined> {
    this.checkOpen()
    const facts = await keepAliveUntil(this.clock, this.reader.peek(key))
    return typeof facts === 'string' ? undefined : entryOfFacts(facts)
  }

  /** Gives the time from which on what is there should be loaded anew; 0 for never, and when nothing is there. */
  async staleMsOf(key: HashedKey): Promise<number> {
    const facts = await this.reader.peek(key)
    return typeof facts === 'string' ? 0 : facts.staleMs
  }

  /** Gives the bytes of a part. */
  async get(key: HashedKey, part: BlobPart): Promise<Uint8Array | MissReason> {
    let target: Uint8Array = new Uint8Array(0)
    const found = await this.readInto(key, part, (bytes) => (target = unfilledBytes(bytes)))
    return typeof found === 'string' ? found : target
  }

  /** Writes the bytes of a part into memory; no more than there is room for. */
  getInto(key: HashedKey, target: Uint8Array, part: BlobPart): Promise<ReadInto | MissReason> {
    return this.readInto(key, { start: part.start, end: Math.min(part.end, part.start + target.length) }, () => target)
  }

  private async readInto(
    key: HashedKey, part: BlobPart, targetOf: (bytes: number) => Uint8Array,
  ): Promise<ReadInto | MissReason> {
    this.checkOpen()
    for (let attempt = 0; ; attempt++) {
      const facts = await this.reader.peek(key)
      if (typeof facts === 'string') return facts
      const { start, end } = clamp(part, facts)
      const target = targetOf(end - start)
      const reason = await this.copy(key, facts, { start, end }, target)
      if (reason === null) {
        this.reader.visit(key)
        return { bytes: end - start, size: facts.plainBytes }
      }
      if (reason === 'corrupt') this.reader.noteCorrupt(key, facts)
      if (attempt > 0) return reason
    }
  }

  private async copy(
    key: HashedKey, facts: RecordFacts, { start, end }: BlobPart, target: Uint8Array,
  ): Promise<MissReason | null> {
    if (start === end) return null
    if (this.reader.isReadWhole(facts.place)) {
      const whole = await this.reader.get(key)
      if (typeof whole === 'string') return whole
      if (whole.length !== facts.plainBytes) return 'io'
      target.set(whole.subarray(start, end))
      return null
    }
    const parts = this.reader.parts(facts, null)
    if (parts === null) return 'io'
    try {
      let at = 0
      for await (const piece of parts.read(start, end)) {
        target.set(piece, at)
        at += piece.length
      }
      return at === end - start ? null : 'corrupt'
    } catch (error) {
      if (error instanceof PartMissing) return error.reason
      throw error
    } finally {
      parts.release()
    }
  }

  /** Gives a stream of a part. Small blobs are in memory then; of others nothing is held before the first read. */
  async stream(key: HashedKey, part: BlobPart, watch: AbortWatch | null): Promise<BlobStream | MissReason> {
    let stream: BlobStream | MissReason = 'absent'
    try {
      this.checkOpen()
      watch?.check()
      const facts = await this.reader.peek(key)
      if (typeof facts === 'string') return facts
      const range = clamp(part, facts)
      const parts = this.reader.isReadWhole(facts.place)
        ? await this.inMemory(key, facts, range)
        : this.inFile(key, facts, range)
      if (typeof parts === 'string') return parts
      watch?.check()
      stream = new BlobStream(entryOfFacts(facts), range.end - range.start, watched(parts, watch))
      return stream
    } finally {
      if (typeof stream === 'string') watch?.end()
    }
  }

  private async inMemory(
    key: HashedKey, { plainBytes }: RecordFacts, { start, end }: BlobPart,
  ): Promise<StreamParts | MissReason> {
    const whole = await this.reader.get(key)
    if (typeof whole === 'string') return whole
    if (whole.length !== plainBytes) return 'io'
    return {
      begin: async () => (async function* () {
        yield whole.subarray(start, end)
      })(),
      end: () => undefined,
      onCorrupt: () => undefined,
    }
  }

  private inFile(key: HashedKey, facts: RecordFacts, { start, end }: BlobPart): StreamParts {
    const { reader } = this
    let held: HeldParts | null = null
    return {
      async begin(onBroken) {
        held = reader.parts(facts, onBroken) ?? (await movedParts(reader, key, facts, onBroken))
        if (held === null) throw new PartMissing('absent')
        reader.visit(key)
        return held.read(start, end)
      },
      end: () => held?.release(),
      onCorrupt: () => reader.noteCorrupt(key, facts),
    }
  }
}

/** Finds the same record where it stands now, if it was moved. */
async function movedParts(
  reader: BlobReader, key: HashedKey, { seqNum }: RecordFacts, onBroken: () => void,
): Promise<HeldParts | null> {
  const now = await reader.peek(key)
  return typeof now !== 'string' && now.seqNum === seqNum ? reader.parts(now, onBroken) : null
}

function clamp({ start, end }: BlobPart, { plainBytes }: RecordFacts): BlobPart {
  const from = Math.min(start, plainBytes)
  return { start: from, end: Math.max(from, Math.min(end, plainBytes)) }
}

/** Gives parts that watch the caller's signal until they end. */
function watched(parts: StreamParts, watch: AbortWatch | null): StreamParts {
  if (watch === null) return parts
  return {
    ...parts,
    onAbort: (listener) => watch.tell(listener),
    end() {
      parts.end()
      watch.end()
    },
  }
}
