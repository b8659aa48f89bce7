/**
 * What: walks over all entries of a database once, those of its logs and of its tables together, and tells what does
 * not fit: an entry that is there twice, one that stands above a newer one of its key, a handle that leads to no record
 * of its key, length and checksum.
 * Owns: the handles and one block of each source, while it runs. Thread: any; blocking, with pauses.
 * Invariants: VER-3 memory is that of a block and an outline of each source, and of the logs.
 */
import {
  assert, compareRanges, FILE_BYTES_MAX, frontBytes, ioError, logFileName, runSync, tableFileName,
} from '../base/index.js'
import type { HashSeed, InternalIterator, SeqNum, TableFacts } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { isApart, keySuccessor } from '../iterator/index.js'
import type { ValueLogFacts } from '../manifest/index.js'
import { Memtable } from '../memtable/index.js'
import { SlabPool } from '../slab/index.js'
import { openTable } from '../sstable/index.js'
import { Brake } from '../tables/index.js'
import type { CheckControl, FileProblem, HistoryLog } from '../tables/index.js'
import { readFully } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { FIRST_BATCH_OFFSET } from '../wal/index.js'
import { HandleCheck } from './handle-check.js'

export interface DeepWalkInput extends CheckControl {
  dir: string
  databaseId: Uint8Array
  /** Sorted runs, newest first, without the tables that are known to be damaged. */
  runs: readonly (readonly TableFacts[])[]
  /** Logs whose entries are in no table yet, oldest first. */
  logs: readonly HistoryLog[]
  valueLogs: readonly ValueLogFacts[]
  hashSeed: HashSeed
}

export type WalkProblem = FileProblem & { file: string }

export interface DeepWalkResult {
  problems: WalkProblem[]
  entryCount: number
}

const ENTRIES_PER_PAUSE = 1024
const PROBLEMS_MAX = 1000

/** The entries of one log or of one run, and the file that the present one stands in. */
class Source {
  iterator: InternalIterator | null = null
  file = ''
  private readonly next: () => { iterator: InternalIterator; file: string } | null

  /** `next` opens what comes behind; null when nothing does. */
  constructor(next: () => { iterator: InternalIterator; file: string } | null) {
    this.next = next
  }

  /** Moves to the next entry; false at the end. */
  advance(): boolean {
    if (this.iterator !== null) {
      this.iterator.next()
      if (this.iterator.valid) return true
      this.iterator.close()
    }
    for (;;) {
      const opened = this.next()
      if (opened === null) return false
      this.iterator = opened.iterator
      this.file = opened.file
      opened.iterator.first()
      if (opened.iterator.valid) return true
      opened.iterator.close()
    }
  }
}

/** Walks as a job. Throws MISSING_FILE when a writer has removed a file meanwhile. */
export function deepWalk(
  input: DeepWalkInput, { vfs }: { vfs: Vfs },
): Generator<undefined, DeepWalkResult, unknown> {
  const brake = new Brake(input)
  return brake.run(walkAll(input, vfs, (bytes) => brake.note(bytes)))
}

/** Walks as `deepWalk` does; `read` hears of the bytes of entries that went by. */
export function* walkAll(
  input: DeepWalkInput, vfs: Vfs, read: (bytes: number) => void,
): Generator<undefined, DeepWalkResult, unknown> {
  const walk = new DeepWalk(input, vfs)
  try {
    yield* walk.open()
    return yield* walk.run(read)
  } finally {
    walk.close()
  }
}

class DeepWalk {
  private readonly input: DeepWalkInput
  private readonly vfs: Vfs
  private readonly problems: WalkProblem[] = []
  private readonly files: VfsFile[] = []
  private readonly memtables: Memtable[] = []
  private readonly sources: Source[] = []
  private readonly handles: HandleCheck
  private lastKey = new Uint8Array(64)
  private lastKeyEnd = -1
  private lastSeqNum: SeqNum = 0
  private lastSource = 0
  private entryCount = 0

  constructor(input: DeepWalkInput, vfs: Vfs) {
    this.input = input
    this.vfs = vfs
    this.handles = new HandleCheck((name) => this.openFile(name), input.valueLogs)
  }

  /** Opens all files at once: a writer that removes them does not hurt the walk then. */
  * open(): Generator<undefined, void, unknown> {
    const { logs, runs } = this.input
    for (const log of [...logs].reverse()) {
      const file = logFileName(log.fileNum)
      const memtable = this.readLog(log)
      yield
      const once = [{ iterator: memtable.iterator(), file }]
      this.sources.push(new Source(() => once.pop() ?? null))
    }
    for (const run of runs) {
      const opened = run.map((facts) => ({ facts, file: this.openFile(tableFileName(facts.fileNum)) }))
      opened.reverse()
      this.sources.push(new Source(() => {
        const table = opened.pop()
        return table === undefined ? null : this.openTable(table.facts, table.file)
      }))
      yield
    }
    this.handles.openAll()
  }

  private openFile(name: string): VfsFile {
    try {
      const file = this.vfs.openSync(this.vfs.join(this.input.dir, name), 'read')
      this.files.push(file)
      return file
    } catch (error) {
      throw ioError(error, 'open', name)
    }
  }

  private openTable(facts: TableFacts, file: VfsFile): { iterator: InternalIterator; file: string } {
    const name = tableFileName(facts.fileNum)
    const { databaseId } = this.input
    const table = runSync(openTable({ file, name, databaseId, facts, cache: new BlockCache(0), lookup: 'none' }))
    return { iterator: table.iterator(), file: name }
  }

  private readLog({ fileNum, goodEnd, baseSeqNum }: HistoryLog): Memtable {
    assert(goodEnd <= FILE_BYTES_MAX, 'a log is no larger than a file may be')
    const slab = new SlabPool(0, 0).take(goodEnd)
    try {
      const file = this.openFile(logFileName(fileNum))
      runSync(readFully(file, slab.bytes, goodEnd))
      const { hashSeed } = this.input
      const start = FIRST_BATCH_OFFSET
      const memtable = new Memtable({ logNum: fileNum, start, baseSeqNum, hashSeed, executor: null })
      memtable.fill(slab)
      memtable.insertFrames(goodEnd)
      this.memtables.push(memtable)
      return memtable
    } finally {
      slab.release()
    }
  }

  close(): void {
    for (const { iterator } of this.sources) iterator?.close()
    for (const memtable of this.memtables) memtable.release()
    for (const file of this.files) file.closeSync()
  }

  * run(read: (bytes: number) => void): Generator<undefined, DeepWalkResult, unknown> {
    let live: number[] = []
    for (let i = 0; i < this.sources.length; i++) {
      if (this.sources[i]!.advance()) live.push(i)
    }
    live = live.sort((a, b) => this.compare(a, b))
    while (live.length > 0) {
      const first = live[0]!
      const { iterator } = this.sources[first]!
      this.look(first, iterator!)
      read(iterator!.keyEnd - iterator!.keyStart + iterator!.valueEnd - iterator!.valueStart)
      if (++this.entryCount % ENTRIES_PER_PAUSE === 0) yield
      if (this.sources[first]!.advance()) this.sink(live)
      else live.shift()
    }
    const { problems, entryCount } = this
    return { problems, entryCount }
  }

  /** Brings the first source to its place among the others, which are in order. */
  private sink(live: number[]): void {
    const moved = live[0]!
    let at = 0
    while (at + 1 < live.length && this.compare(live[at + 1]!, moved) < 0) {
      live[at] = live[at + 1]!
      at++
    }
    live[at] = moved
  }

  /** Orders two sources by their present entries; of equal ones the newer source comes first. */
  private compare(a: number, b: number): number {
    const [one, other] = [this.sources[a]!.iterator!, this.sources[b]!.iterator!]
    const order = compareRanges(one.keyBytes, one.keyStart, one.keyEnd, other.keyBytes, other.keyStart, other.keyEnd)
    return order !== 0 ? order : other.seqNum - one.seqNum || a - b
  }

  private look(source: number, entry: InternalIterator): void {
    const { keyBytes, keyStart, keyEnd, seqNum, kind } = entry
    const isSameKey = this.lastKeyEnd >= 0 &&
      compareRanges(this.lastKey, 0, this.lastKeyEnd, keyBytes, keyStart, keyEnd) === 0
    const { file } = this.sources[source]!
    if (isSameKey && seqNum === this.lastSeqNum) this.tell(file, entry, 'the same entry is in two places')
    else if (isSameKey && source < this.lastSource) {
      this.tell(file, entry, `entry ${seqNum} stands above the newer entry ${this.lastSeqNum} of its key`)
    }
    if (!isSameKey) this.keep(keyBytes, keyStart, keyEnd)
    this.lastSeqNum = seqNum
    this.lastSource = source
    if (!isApart(kind)) return
    const problem = this.handles.check(entry, entry.valueStart + frontBytes(kind))
    if (problem !== null) this.tell(file, entry, problem)
  }

  private keep(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length > this.lastKey.length) this.lastKey = new Uint8Array(2 * length)
    for (let i = 0; i < length; i++) this.lastKey[i] = bytes[start + i]!
    this.lastKeyEnd = length
  }

  private tell(file: string, { keyBytes, keyStart, keyEnd }: InternalIterator, what: string): void {
    if (this.problems.length >= PROBLEMS_MAX) return
    const key = keyBytes.slice(keyStart, keyEnd)
    this.problems.push({
      code: 'CORRUPTION', severity: 'damage', file, offset: null, bytes: null, from: key, to: keySuccessor(key),
      message: `${file}: ${what}`,
      consequence: 'a read of this key may give a value that is not the newest, or fail',
      advice: 'this is a fault of Varve and not of the disk: keep a copy of the directory and report it',
    })
  }
}

