/**
 * What: what a command works with while it runs: where it prints, how it is interrupted, how it tells its progress.
 * Owns: the progress bar, and the listener to Ctrl-C while the command runs.
 */
import { systemClock, VarveError } from '../../base/index.js'
import type { Clock } from '../../base/index.js'
import type { Progress } from '../../report/index.js'
import type { Terminal } from '../command.js'
import { errorReport, errorText } from '../error-text.js'
import { printableJson } from '../printable.js'
import { bytesText, shortBytesText } from './key-bytes.js'
import type { BytesForm } from './key-bytes.js'
import { ProgressBar } from './progress-bar.js'

/** Text is printed when this much waits. */
const CHUNK_CHARACTERS = 64 * 1024
/** An open that is done within this time shows no bar. */
const OPENING_MS = 500

export class CommandContext {
  readonly terminal: Terminal
  /** True when the result is JSON. */
  readonly isJson: boolean
  /** How keys were given, and are shown. */
  readonly form: BytesForm
  readonly clock: Clock = systemClock
  private readonly abort = new AbortController()
  private bar: ProgressBar | null = null
  private waiting = ''

  /** Blanks by which JSON is indented: 0 where an object takes one line. */
  private readonly indent: number

  constructor(terminal: Terminal, { isJson, isLines, form }: { isJson: boolean; isLines: boolean; form: BytesForm }) {
    this.terminal = terminal
    this.isJson = isJson
    this.form = form
    this.indent = isLines ? 0 : 2
  }

  /** Aborted by Ctrl-C. Whoever heeds it cleans up and rejects, within a second. */
  get signal(): AbortSignal {
    return this.abort.signal
  }

  /** Throws when Ctrl-C was pressed. */
  checkInterrupt(): void {
    this.signal.throwIfAborted()
  }

  interrupt(): void {
    this.abort.abort(new VarveError('ABORTED', 'interrupted'))
  }

  /** Prints the one result: with --json the object, else the text. */
  result(value: object, text: () => string): void {
    this.print(this.isJson ? `${printableJson(value)}\n` : text())
  }

  /** Prints one of many results: a line of JSON, or text that ends its line. Await `paced` now and then. */
  line(value: () => object, text: () => string): void {
    this.print(this.isJson ? `${printableJson(value(), 0)}\n` : text())
  }

  print(text: string): void {
    this.waiting += text
    if (this.waiting.length >= CHUNK_CHARACTERS) this.flush()
  }

  /**
   * Lets a signal be seen, and the output go out, when much waits; call it after every line or so of a long command.
   * Rejects when Ctrl-C was pressed, or nobody reads any more.
   */
  async paced(): Promise<void> {
    if (this.waiting !== '') return
    await this.terminal.printed()
    this.checkInterrupt()
  }

  /** Hands what was printed to the terminal. */
  flush(): void {
    if (this.waiting === '') return
    this.bar?.end()
    this.terminal.out(this.waiting)
    this.waiting = ''
  }

  /**
   * Reports an error, behind what was printed: on standard error, with --json as the last object. A command that has
   * printed what stands before the damage calls it, and gives EXIT_DAMAGE; what it throws is reported so by itself.
   */
  reportError(error: unknown): void {
    if (this.isJson) this.print(`${printableJson({ error: errorReport(error) }, this.indent)}\n`)
    this.flush()
    this.bar?.end()
    if (!this.isJson) this.terminal.error(errorText(error))
  }

  /** Tells something beside the result, for people: on standard error, and not with --json. */
  note(text: string): void {
    if (this.isJson) return
    this.flush()
    this.bar?.end()
    this.terminal.error(text)
  }

  /** Gives the function for `onProgress` of a long call; shows a bar when people look at standard error. */
  progress(title: string): (progress: Progress) => void {
    this.bar?.end()
    this.bar = new ProgressBar(this.terminal.errorScreen, this.clock, title)
    return this.bar.show
  }

  /** Gives the function for `onProgress` of an open, which has a bar only when it takes long enough to be looked at. */
  opening(): (progress: Progress) => void {
    const startMs = this.clock.nowMs()
    let show: ((progress: Progress) => void) | null = null
    return (progress) => {
      if (this.clock.nowMs() - startMs < OPENING_MS) return
      show ??= this.progress('opening')
      show(progress)
    }
  }

  /** Ends what is shown: the command is done. */
  end(): void {
    this.flush()
    this.bar?.end()
    this.bar = null
  }

  /** Shows a key. */
  keyText(key: Uint8Array): string {
    return bytesText(key, this.form)
  }

  /** Shows a key, or its beginning. */
  shortKeyText(key: Uint8Array, charactersMax: number): string {
    return shortBytesText(key, this.form, charactersMax)
  }
}
