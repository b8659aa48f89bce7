/**
 * What: what a command of the command line is, and where it prints and reads.
 */

/** Streams that a command prints to and reads from: the process's own, or a test's. */
export interface Terminal {
  out(text: string): void
  error(text: string): void
  /** Prints bytes as they are. */
  outBytes(bytes: Uint8Array): void
  /**
   * Resolves when what was printed is out; a command that prints much awaits it now and then. Rejects with OutputClosed
   * when nobody reads any more, or with what is wrong with the output.
   */
  printed(): Promise<void>
  readonly input: NodeJS.ReadableStream
  /** A terminal at which somebody reads and types; null when input or output is a file or a pipe. */
  readonly screen: NodeJS.WritableStream | null
  /** True when standard output is a terminal: people see it, and no program gets it. */
  readonly isShown: boolean
  /** The terminal behind standard error, on which a line may change in place; null when there is none that can. */
  readonly errorScreen: ProgressScreen | null
  /** Calls the listener at the next Ctrl-C instead of ending the process. Gives the function that ends that. */
  onInterrupt(listener: () => void): () => void
}

/** A terminal on which one line changes in place. */
export interface ProgressScreen {
  write(text: string): unknown
  /** Characters in a line; some terminals say 0. */
  readonly columns?: number
}

/** The reader of our output has enough of it (`varve dump log FILE | head`). */
export class OutputClosed extends Error {}

/** Exit codes; they are API. */
export const EXIT_OK = 0
/** The command was understood and could not be done. */
export const EXIT_ERROR = 1
/** The command line is wrong. */
export const EXIT_USAGE = 2
/** The command is done, and something was lost or is damaged: its report says what. */
export const EXIT_DAMAGE = 3

/** What commands are listed under; in this order. */
export const COMMAND_GROUPS = ['Look', 'Write', 'Keep', 'Copy', 'Other'] as const
export type CommandGroup = typeof COMMAND_GROUPS[number]

export interface Command {
  readonly name: string
  readonly group: CommandGroup
  /** The arguments behind the command's name, as its help shows them. */
  readonly synopsis: string
  /** The arguments without the options, for lists of commands. */
  readonly shortSynopsis: string
  readonly summary: string
  /** The page that `varve help <name>` prints. */
  help(): string
  /** Gives the exit code. Throws UsageError, or what went wrong. */
  run(args: readonly string[], terminal: Terminal): Promise<number>
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}
