/**
 * What: `varve shell`: opens a database and runs the commands that are typed or piped in.
 */
import { Varve } from '../../api/index.js'
import { VarveError } from '../../base/index.js'
import { EXIT_ERROR, EXIT_OK, UsageError } from '../command.js'
import type { Terminal } from '../command.js'
import { countText } from '../demo/numbers.js'
import { errorText } from '../error-text.js'
import { defineCommand, DIR, flag } from '../kit/index.js'
import { printable } from '../printable.js'
import { runShell } from '../shell/shell.js'

export const shellCommand = defineCommand({
  name: 'shell',
  group: 'Look',
  summary: 'Read and write a database by hand, or from a script',
  positionals: { dir: DIR },
  options: {
    create: flag('makes the database when there is none'),
    readOnly: flag('changes nothing, also works beside a writer; sees the moment it was opened'),
  },
  details: [
    'Commands come from the keyboard, or one a line from a pipe: varve shell DIR < FILE. "help" lists them. A',
    'command that fails is told, and the next one runs; from a pipe, the exit code is that of the first one',
    'that failed. Ctrl-C ends a scan, fill, dump or compact, or clears the line; Ctrl-D closes.',
  ],
  json: 'none',
  // At a keyboard the shell itself hears Ctrl-C; from a pipe it ends the process.
  onInterrupt: 'end',
  async run({ dir, create: isCreate, readOnly }, { terminal }) {
    if (isCreate && readOnly) throw new UsageError('--create and --read-only exclude each other')
    return run({ dir, isCreate, readOnly }, terminal)
  },
})

async function run(given: ShellArguments, terminal: Terminal): Promise<number> {
  const { db, isNew } = await open(given)
  if (isNew) terminal.error(`made a new database in ${printable(db.location)}\n`)
  if (terminal.screen !== null) terminal.out(greeting(db))
  let code: number
  try {
    code = await runShell(db, terminal)
  } catch (error) {
    await db.close()
    throw error
  }
  try {
    await db.close()
  } catch (error) {
    terminal.error(errorText(error))
    return code === EXIT_OK ? EXIT_ERROR : code
  }
  return code
}

interface ShellArguments {
  dir: string
  /** True makes the database when there is none. */
  isCreate: boolean
  readOnly: boolean
}

/** Opens the database. It is made only when that was asked for, never because a name was mistyped. */
async function open({ dir, isCreate, readOnly }: ShellArguments): Promise<{ db: Varve; isNew: boolean }> {
  try {
    return { db: await Varve.open(dir, { readOnly, createIfMissing: false }), isNew: false }
  } catch (error) {
    if (!VarveError.is(error) || error.code !== 'NOT_FOUND' || readOnly) throw error
    if (isCreate) return { db: await Varve.open(dir), isNew: true }
    throw new VarveError('NOT_FOUND', error.message, { hint: `to make a database there: varve shell --create ${dir}` })
  }
}

function greeting(db: Varve): string {
  const { levels, database } = db.stats()
  const tableCount = levels.reduce((sum, level) => sum + level.tableCount, 0)
  const { isReadOnly, visibleSeq } = database
  return `${printable(db.location)}${isReadOnly ? ', read-only' : ''}: sequence ${countText(visibleSeq)}, ` +
    `${countText(tableCount)} tables\n"help" lists the commands, Ctrl-D closes.\n`
}
