/**
 * What: the condemned value logs of a run: each is opened with its first value, and checked to be the file that the
 * manifest means.
 * Owns: the open files. Thread: worker or main; reads block.
 */
import { ioError } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { ValueLogFacts } from '../manifest/index.js'
import type { TableContext } from '../sstable/index.js'
import { openValueLog, readBytesSync } from '../tables/index.js'
import type { ListedValueLog, OpenValueLog } from '../tables/index.js'

export class ValueSources {
  private readonly place: TableContext
  private readonly facts: ReadonlyMap<FileNum, ValueLogFacts>
  private readonly opened = new Map<FileNum, ListedValueLog>()

  constructor(place: TableContext, condemned: readonly ValueLogFacts[]) {
    this.place = place
    this.facts = new Map(condemned.map((facts) => [facts.fileNum, facts]))
  }

  /** Gives the condemned log of this number, opened; null when the log is not condemned. */
  get(fileNum: FileNum): ListedValueLog | null {
    const facts = this.facts.get(fileNum)
    return facts === undefined ? null : this.opened.get(fileNum) ?? this.open(facts)
  }

  private open(facts: ValueLogFacts): ListedValueLog {
    const source = openValueLog(this.place, facts)
    this.opened.set(facts.fileNum, source)
    return source
  }

  close(): void {
    for (const { file } of this.opened.values()) file.closeSync()
    this.opened.clear()
  }
}

/** Reads to target[at, at + length). Throws CORRUPTION when the file ends before, or IO_ERROR. */
export function readFrom(log: OpenValueLog, target: Uint8Array, at: number, length: number, offset: number): void {
  try {
    readBytesSync(log, target, at, length, offset)
  } catch (error) {
    throw ioError(error, 'read', log.name, `${log.name} at offset ${offset}`)
  }
}
