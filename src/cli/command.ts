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

export interface Command {
  readonly name: string
  /** The arguments behind the command's name, as `varve help` shows them. */
  readonly synopsis: string
  readonly summary: string
  /** More lines for `varve help <name>`. */
  readonly details: readonly string[]
  /** Gives the exit code. Throws UsageError, or what went wrong. */
  run(args: readonly string[], terminal: Terminal): Promise<number>
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}

export function helpText({ name, synopsis, summary, details }: Command): string {
  return [`Usage: varve ${name} ${synopsis}`, '', summary, ...details].join('\n') + '\n'
}
