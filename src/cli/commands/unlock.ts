/**
 * What: `varve unlock`: declares the process that had a database open dead, where nobody can see whether it lives.
 */
import { Varve } from '../../api/index.js'
import type { LockHolder } from '../../vfs/index.js'
import { EXIT_OK } from '../command.js'
import { defineCommand, DIR } from '../kit/index.js'
import { printable } from '../printable.js'

export const unlockCommand = defineCommand({
  name: 'unlock',
  group: 'Keep',
  summary: 'Take the process that had a database open for dead',
  positionals: { dir: DIR },
  details: [
    'Only for a lock whose holder cannot be seen from here: of another machine or container, which ended',
    'without leaving a proof. Make sure that it has ended: two writers destroy a database. A process that',
    'certainly lives is never taken for dead, and where a lock is not in the way nothing is done.',
  ],
  json: 'object',
  onInterrupt: 'end',
  async run({ dir }, context) {
    const holder = await Varve.forceUnlock(dir)
    context.result({ holder }, () => {
      return `${printable(dir)}: ${holder === null ? 'no lock was in the way' : takenForDead(holder)}\n`
    })
    return EXIT_OK
  },
})

function takenForDead({ pid, host, since }: LockHolder): string {
  return `process ${pid} on ${printable(host)}, which had it since ${printable(since)}, is taken for dead`
}
