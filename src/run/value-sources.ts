/**
 * What: the condemned value logs of a run: each is opened with its first value, and checked to be the file that the
 * manifest means.
 * Owns: the open files. Thread: worker or main; reads block.
 */
import { corruption, ioError, VarveError } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { ValueLogFacts } from '../manifest/index.js'
import type { TableContext } from '../sstable/index.js'
import { openValueLog } from '../tables/index.js'
import type { ListedValueLog } from '../tables/index.js'

/** The place of a value, and what its bytes must be. */
export interface ValuePlace {
  readonly source: ListedValueLog
  readonly offset: number
  readonly length: number
  readonly checksum: number
}

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

/** Reads `length` bytes; throws CORRUPTION when the file ends before. */
export function readPlace(
  { file, name }: ListedValueLog, target: Uint8Array, at: number, length: number, offset: number,
): void {
  try {
    for (let done = 0; done < length;) {
      const count = file.readSync(target, at + done, length - done, offset + done)
      if (count === 0) throw corruption(name, offset + done, 'a value log ends inside a value')
      done += count
    }
  } catch (error) {
    throw VarveError.is(error) ? error : ioError(error, 'read', name)
  }
}

export function wrongValueError({ source, offset, length }: ValuePlace): VarveError {
  return corruption(source.name, offset, `the checksum of a value of ${length} bytes differs`)
}
