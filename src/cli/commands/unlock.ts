/**
 * What: `varve unlock`: declares the process that had a database open dead, where nobody can see whether it lives.
 */
import { parseArgs } from 'node:util'
import { Varve } from '../../api/index.js'
import type { LockHolder } from '../../vfs/index.js'
import { EXIT_OK, UsageError } from '../command.js'
import type { Command, Terminal } from '../command.js'
import { printable } from '../printable.js'

export const unlockCommand: Command = {
  name: 'unlock',
  synopsis: 'DIR',
  summary: 'Take the process that had a database open for dead',
  details: [
    '',
    '  DIR            directory of the database',
    '',
    'Only for a lock whose holder cannot be seen from here: of another machine or container, which ended',
    'without leaving a proof. Make sure that it has ended: two writers destroy a database. A process that',
    'certainly lives is never taken for dead, and where a lock is not in the way nothing is done.',
  ],
  run,
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { positionals: [dir, ...more] } = parseArgs({ args: [...args], options: {}, allowPositionals: true })
  if (dir === undefined || dir === '') throw new UsageError('unlock needs the directory of a database')
  if (more.length > 0) throw new UsageError('unlock takes one directory')
  const holder = await Varve.forceUnlock(dir)
  terminal.out(`${printable(dir)}: ${holder === null ? 'no lock was in the way' : takenForDead(holder)}\n`)
  return EXIT_OK
}

function takenForDead({ pid, host, since }: LockHolder): string {
  return `process ${pid} on ${printable(host)}, which had it since ${printable(since)}, is taken for dead`
}
