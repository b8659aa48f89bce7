/**
 * What: the inputs of a compaction as one sequence of entries.
 * Owns: the open files and their readers. Thread: worker or main; reads block.
 */
import { openListedError, runSync, tableFileName } from '../base/index.js'
import type { InternalIterator, TableFacts } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { ConcatIterator, mergeIterators } from '../iterator/index.js'
import { openTable } from '../sstable/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'

export class CompactionInputs {
  readBytes = 0
  readonly entries: InternalIterator
  private readonly vfs: Vfs
  private readonly dir: string
  private readonly databaseId: Uint8Array
  private readonly cache = new BlockCache(0)

  /** Runs, newest first; the tables of a run in key order. */
  constructor(vfs: Vfs, dir: string, databaseId: Uint8Array, runs: readonly (readonly TableFacts[])[]) {
    this.vfs = vfs
    this.dir = dir
    this.databaseId = databaseId
    const children = runs.map((tables) => new ConcatIterator(tables, (facts) => this.open(facts)))
    this.entries = mergeIterators(children)
  }

  private open(facts: TableFacts): InternalIterator {
    const name = tableFileName(facts.fileNum)
    const file = this.counted(this.openFile(name))
    const { cache, databaseId } = this
    try {
      const table = runSync(openTable({ file, name, facts, cache, databaseId, pointHash: false }))
      const iterator = table.iterator()
      const close = iterator.close.bind(iterator)
      iterator.close = () => {
        close()
        table.close()
        closeInput(file)
      }
      return iterator
    } catch (error) {
      closeInput(file)
      throw error
    }
  }

  private openFile(name: string): VfsFile {
    try {
      return this.vfs.openSync(this.vfs.join(this.dir, name), 'read')
    } catch (error) {
      throw openListedError(error, name)
    }
  }

  private counted(file: VfsFile): VfsFile {
    const read = file.readSync.bind(file)
    file.readSync = (target, at, length, position) => {
      const count = read(target, at, length, position)
      this.readBytes += count
      return count
    }
    return file
  }
}

/** A read-only handle has nothing to lose: an error on its close means nothing. */
function closeInput(file: VfsFile): void {
  try {
    file.closeSync()
  } catch {
    // See above.
  }
}
