/**
 * What: the shell: reads lines, runs their commands one after the other, reports what went wrong and goes on.
 * Does not own: the database.
 * Thread: main.
 */
import { readdirSync } from 'node:fs'
import type { Varve } from '../../api/index.js'
import { systemClock } from '../../base/index.js'
import { EXIT_ERROR, EXIT_OK, EXIT_USAGE, OutputClosed, UsageError } from '../command.js'
import type { Terminal } from '../command.js'
import { errorText } from '../error-text.js'
import { printable } from '../printable.js'
import { History, stateFolder } from './history.js'
import { LineReader } from './line-reader.js'
import type { Session, ShellCommand } from './session.js'
import { complete, findCommand, usage } from './shell-commands.js'
import { parseWords } from './words.js'

/**
 * Runs until the input ends or a command says so. Gives the exit code of the first command that failed; on a terminal,
 * where somebody has seen the failure, 0. Rejects only for what is wrong with the output.
 */
export async function runShell(db: Varve, terminal: Terminal): Promise<number> {
  const session: Session = {
    db, terminal, clock: systemClock, isInterrupted: false, onInterrupt: null, isDone: false, fillCount: 0,
  }
  const history = terminal.screen === null ? null : new History(stateFolder(process.env), db.location)
  const reader = new LineReader(terminal, {
    prompt: 'varve> ',
    history: history?.load() ?? [],
    complete: (line) => complete(line, () => readdirSync(db.location)),
    onInterrupt() {
      session.isInterrupted = true
      session.onInterrupt?.()
    },
  })
  let exitCode = EXIT_OK
  try {
    for await (const { text, bytes } of reader.lines()) {
      history?.add(text)
      const code = await runLine(bytes, session)
      await terminal.printed()
      session.isInterrupted = false
      if (exitCode === EXIT_OK) exitCode = code
      if (session.isDone) break
    }
    if (terminal.screen !== null && !session.isDone) terminal.out('\n')
  } finally {
    reader.close()
    history?.save()
  }
  return terminal.screen === null ? exitCode : EXIT_OK
}

async function runLine(line: Uint8Array, session: Session): Promise<number> {
  const { terminal } = session
  let command: ShellCommand | null = null
  try {
    const [name, ...words] = parseWords(line)
    if (name === undefined) return EXIT_OK
    command = findCommand(name)
    if (!command.wordCounts.includes(words.length)) throw new UsageError('wrong number of words')
    return await command.run(words, session)
  } catch (error) {
    if (error instanceof OutputClosed) throw error
    if (!(error instanceof UsageError)) {
      terminal.error(errorText(error))
      return EXIT_ERROR
    }
    const help = command === null ? 'try "help"' : `usage: ${usage(command)}`
    terminal.error(`varve: ${printable(error.message)} (${help})\n`)
    return EXIT_USAGE
  }
}
