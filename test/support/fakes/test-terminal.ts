/** A terminal in memory: what a command prints is kept, what it reads is given, or typed key by key. */
import { PassThrough, Readable } from 'node:stream'
import type { ProgressScreen, Terminal } from '../../../src/cli/command.js'

export class TestTerminal implements Terminal {
  readonly input: NodeJS.ReadableStream
  readonly screen: NodeJS.WritableStream | null = null
  isShown = false
  errorScreen: ProgressScreen | null = null
  /** Called as Ctrl-C would be; null while no command listens. */
  pressInterrupt: (() => void) | null = null
  outText = ''
  errorText = ''

  constructor(input: NodeJS.ReadableStream | Uint8Array | string = '') {
    const bytes = typeof input === 'string' ? Buffer.from(input) : input
    this.input = bytes instanceof Uint8Array ? Readable.from([bytes]) : bytes
  }

  out(text: string): void {
    this.outText += text
  }

  outBytes(bytes: Uint8Array): void {
    this.outText += Buffer.from(bytes).toString('latin1')
  }

  error(text: string): void {
    this.errorText += text
  }

  onInterrupt(listener: () => void): () => void {
    this.pressInterrupt = listener
    return () => (this.pressInterrupt = null)
  }

  printed(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }
}

/** More turns than any answer takes. */
const TURNS_MAX = 1_000_000

/** A terminal with a person at it; `screenText` is what is shown, control sequences and all. */
export class TypingTerminal extends TestTerminal {
  override readonly screen: NodeJS.WritableStream
  private readonly keys: PassThrough
  screenText = ''

  constructor() {
    const keys = new PassThrough()
    super(keys)
    this.keys = keys
    const screen = Object.assign(new PassThrough(), { columns: 80, rows: 25, isTTY: true })
    screen.setEncoding('utf8').on('data', (text: string) => (this.screenText += text))
    this.screen = screen
  }

  override out(text: string): void {
    super.out(text)
    this.screen.write(text)
  }

  type(keys: string): void {
    this.keys.write(keys)
  }

  /** Types a tab, which must come alone: in a paste it is no key. */
  async tab(completion: string): Promise<void> {
    this.type('\t')
    await this.sees(completion)
  }

  hangUp(): void {
    this.keys.end()
  }

  /** Waits until the screen shows the text, behind what was seen before. */
  async sees(text: string): Promise<void> {
    for (let i = 0; !this.screenText.includes(text); i++) {
      if (i === TURNS_MAX) throw new Error(`never saw ${JSON.stringify(text)} in ${JSON.stringify(this.screenText)}`)
      await this.printed()
    }
    this.screenText = this.screenText.slice(this.screenText.indexOf(text) + text.length)
  }
}
