/**
 * What: checks one file of a database in full, given its identity: a table, a value log or a sealed log.
 * Thread: main, in steps of 2 ms; the reads block. Changes nothing.
 */
import { Turns } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { checkFile } from '../tables/index.js'
import type { FileCheckPlace, FileCheckResult, ListedFile } from '../tables/index.js'

/**
 * Checks a file from its first byte to its last. What is wrong, also that it is missing or another file of its number,
 * is in the result; nothing is thrown for it. `onStep` hears of the bytes read since it was called last, and ends the
 * check by what it throws; a promise that it gives is waited for.
 */
export async function verifyFile(
  place: FileCheckPlace, file: ListedFile, clock: Clock,
  onStep: (bytes: number) => Promise<void> | void = () => undefined,
): Promise<FileCheckResult> {
  const turns = new Turns(clock)
  let bytes = 0
  const check = checkFile(place, file, { level: 'full', read: (count) => { bytes += count } })
  try {
    for (;;) {
      const turn = check.next()
      if (turn.done === true) {
        if (bytes > 0) await onStep(bytes)
        return turn.value
      }
      if (bytes > 0) {
        const wait = onStep(bytes)
        bytes = 0
        if (wait !== undefined) await wait
      }
      if (turns.isOverNow()) await turns.next()
    }
  } finally {
    check.return(undefined as never)
  }
}
