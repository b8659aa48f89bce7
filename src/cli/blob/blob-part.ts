/** What: what a part of `varve blob` is. */
import type { Terminal } from '../command.js'

export interface BlobArguments {
  readonly dir: string
  /** What stands behind the directory. */
  readonly rest: readonly string[]
  readonly isJson: boolean
  readonly values: Readonly<Record<string, string | boolean | undefined>>
}

export interface BlobPart {
  /** The options that it knows beside --json. */
  readonly options: Readonly<Record<string, { type: 'string' | 'boolean' }>>
  /** How many arguments it takes behind the directory. */
  readonly argumentsMax: number
  /** Gives the exit code. Throws UsageError, or what went wrong. */
  run(given: BlobArguments, terminal: Terminal): Promise<number>
}
