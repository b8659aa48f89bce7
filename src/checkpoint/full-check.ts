/**
 * What: checks files of a checkpoint in full, and refuses what is damaged.
 * Thread: main, in steps.
 */
import { corruption } from '../base/index.js'
import type { Clock } from '../base/index.js'
import type { Operation } from '../engine/index.js'
import type { Pace } from '../report/index.js'
import type { FileCheckPlace, FileProblem } from '../tables/index.js'
import { verifyFile } from '../verify/index.js'
import type { SourceFile } from './source-file.js'

export interface FullCheck {
  place: FileCheckPlace
  clock: Clock
  operation: Operation
  /** What is read counts as what is written does. */
  pace: Pace
}

/** Reads every byte of a file. Throws CORRUPTION for the first thing that is wrong. */
export async function checkInFull(file: SourceFile, { place, clock, operation, pace }: FullCheck): Promise<void> {
  const check = (): void => operation.check()
  const { problems } = await verifyFile(place, file.listed, clock, (bytes) => {
    check()
    return pace.take(bytes, check)
  })
  const damage = problems.find(isDamage)
  if (damage !== undefined) throw corruption(file.name, damage.offset ?? 0, damage.message, damage.advice)
}

/** Bytes that nobody needs are no damage. A doubt is: a backup that may be wrong is none. */
function isDamage({ severity }: FileProblem): boolean {
  return severity !== 'waste'
}
