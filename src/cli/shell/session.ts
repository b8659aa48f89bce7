/**
 * What: what the commands of a shell work with.
 */
import type { Varve } from '../../api/index.js'
import type { Clock } from '../../base/index.js'
import { EXIT_ERROR, EXIT_OK } from '../command.js'
import type { Terminal } from '../command.js'

export interface Session {
  readonly db: Varve
  readonly terminal: Terminal
  readonly clock: Clock
  /** True when Ctrl-C was pressed during this command. */
  isInterrupted: boolean
  /** Runs at Ctrl-C too, for a command that does not look at `isInterrupted`. */
  onInterrupt: (() => void) | null
  /** True when the shell ends after this command. */
  isDone: boolean
  /** The number of fills so far. */
  fillCount: number
}

export interface ShellCommand {
  readonly name: string
  readonly aliases?: readonly string[]
  /** The arguments behind the command's name, as `help` shows them. */
  readonly synopsis: string
  readonly summary: string
  /** More lines for `help <name>`. */
  readonly details?: readonly string[]
  /** Numbers of words that may stand behind the name. */
  readonly wordCounts: readonly number[]
  /** Gives the exit code. Throws UsageError, or what went wrong. */
  run(words: readonly Uint8Array[], session: Session): Promise<number>
}

/** Gives the exit code of a command that can be stopped: what the user stopped is not done. */
export function interrupted({ isInterrupted, terminal }: Session): number {
  if (!isInterrupted) return EXIT_OK
  terminal.error('interrupted\n')
  return EXIT_ERROR
}
