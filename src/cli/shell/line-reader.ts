/**
 * What: lines from a terminal, with prompt, editing, history and completion, or from a pipe, as bytes.
 * Owns: the readline interface. Thread: main.
 */
import { createInterface } from 'node:readline'
import type { Interface } from 'node:readline'
import type { Terminal } from '../command.js'

export interface LineReaderOptions {
  prompt: string
  /** Lines of earlier shells, oldest first. */
  history: readonly string[]
  complete(line: string): [string[], string]
  /** Called at Ctrl-C on a terminal before the next line was asked for. */
  onInterrupt(): void
}

/** A pipe is paused when this many lines wait. */
const WAITING_MAX = 1000

export class LineReader {
  private readonly readline: Interface
  private readonly isInteractive: boolean
  private readonly waiting: string[] = []
  private isClosed = false
  /** True while a line was given and the next one not asked for. */
  private isBusy = false
  private wake = (): void => {}

  constructor({ input, screen }: Terminal, options: LineReaderOptions) {
    this.isInteractive = screen !== null
    this.readline = screen === null ? pipeReader(input) : screenReader(input, screen, options)
    this.readline.on('line', (line) => this.onLine(line))
    this.readline.on('close', () => this.onClose())
    this.readline.on('SIGINT', () => {
      // As on any terminal, Ctrl-C discards what was typed ahead.
      this.waiting.length = 0
      if (this.readline.line !== '') this.clearLine()
      if (this.isBusy) options.onInterrupt()
    })
    // When the terminal goes away, the lines end.
    input.on('error', () => this.readline.close())
  }

  /** Gives the lines one after the other; prompts when none waits. */
  async *lines(): AsyncGenerator<{ text: string; bytes: Uint8Array }, void, undefined> {
    for (;;) {
      const text = this.waiting.shift()
      if (text !== undefined) {
        this.isBusy = true
        yield { text, bytes: Buffer.from(text, this.isInteractive ? 'utf8' : 'latin1') }
        this.isBusy = false
        continue
      }
      if (this.isClosed) return
      if (this.isInteractive) this.readline.prompt()
      else this.readline.resume()
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  close(): void {
    if (!this.isClosed) this.readline.close()
  }

  private onLine(line: string): void {
    this.waiting.push(line)
    if (!this.isInteractive && this.waiting.length > WAITING_MAX) this.readline.pause()
    this.wake()
  }

  private clearLine(): void {
    this.readline.write(null, { ctrl: true, name: 'e' })
    this.readline.write(null, { ctrl: true, name: 'u' })
  }

  private onClose(): void {
    this.isClosed = true
    this.wake()
  }
}

/** Reads a pipe with one character for each byte: what is not UTF-8 must not be changed. */
function pipeReader(input: NodeJS.ReadableStream): Interface {
  input.setEncoding('latin1')
  return createInterface({ input, terminal: false, crlfDelay: Infinity })
}

function screenReader(
  input: NodeJS.ReadableStream, screen: NodeJS.WritableStream, { prompt, history, complete }: LineReaderOptions,
): Interface {
  return createInterface({
    input, output: screen, terminal: true, prompt, historySize: 1000, removeHistoryDuplicates: true,
    history: history.toReversed(), completer: (line: string) => complete(line),
  })
}
