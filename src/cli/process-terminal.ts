/**
 * What: the process's own streams as a terminal.
 * Thread: main. There is one for the process.
 */
import { errnoOf, ioError, systemClock } from '../base/index.js'
import { OutputClosed } from './command.js'
import type { ProgressScreen, Terminal } from './command.js'

export class ProcessTerminal implements Terminal {
  private failure: unknown = null
  private isInputUsed = false

  constructor() {
    process.stdout.on('error', (error) => (this.failure ??= error))
    // Nobody can be told of it.
    process.stderr.on('error', () => {})
  }

  get input(): NodeJS.ReadableStream {
    this.isInputUsed = true
    return process.stdin
  }

  get screen(): NodeJS.WritableStream | null {
    return process.stdin.isTTY && process.stdout.isTTY ? process.stdout : null
  }

  get isShown(): boolean {
    return process.stdout.isTTY === true
  }

  get errorScreen(): ProgressScreen | null {
    return process.stderr.isTTY && process.env.TERM !== 'dumb' ? process.stderr : null
  }

  onInterrupt(listener: () => void): () => void {
    process.once('SIGINT', listener)
    return () => process.off('SIGINT', listener)
  }

  out(text: string): void {
    if (this.failure === null) process.stdout.write(text)
  }

  outBytes(bytes: Uint8Array): void {
    if (this.failure === null) process.stdout.write(bytes)
  }

  error(text: string): void {
    process.stderr.write(text)
  }

  /** Nothing is read any more: an input that has not ended must not keep the process. */
  end(): void {
    if (this.isInputUsed) process.stdin.destroy()
  }

  async printed(): Promise<void> {
    // Waits even where writes block: an error is reported, and a signal seen, only in another turn.
    await new Promise<void>((resolve) => systemClock.defer(resolve))
    if (this.failure === null && process.stdout.writableLength > 0) {
      await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
    }
    if (this.failure === null) return
    throw errnoOf(this.failure) === 'EPIPE' ? new OutputClosed() : ioError(this.failure, 'write', 'standard output')
  }
}
