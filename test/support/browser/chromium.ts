/**
 * What: a headless Chromium for tests, over `--remote-debugging-pipe`: JSON that ends with a zero byte, on the file
 * descriptors 3 and 4. Found by $CHROME or in PATH; without one tests are skipped, or fail with REQUIRE_BROWSER=1.
 * Owns: the process and its profile. Thread: main.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'

const NAMES = ['chromium', 'chromium-headless-shell', 'chromium-browser', 'google-chrome', 'chrome']
type Params = Record<string, unknown>
type Waiting = { resolve: (result: never) => void; reject: (error: Error) => void }

/** Gives the path of a browser, or null. */
export function findChromium(): string | null {
  const dirs = (process.env['PATH'] ?? '').split(path.delimiter)
  const all = [process.env['CHROME'] ?? '', ...NAMES.flatMap((name) => dirs.map((dir) => path.join(dir, name)))]
  const found = all.find((file) => file !== '' && isProgram(file))
  if (found === undefined && process.env['REQUIRE_BROWSER'] === '1') throw new Error('no browser: set CHROME')
  return found ?? null
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export class Chromium {
  private readonly child: ChildProcess
  private readonly profile = mkdtempSync(path.join(tmpdir(), 'varve-browser-'))
  private readonly waiting = new Map<number, Waiting>()
  private nextId = 1
  private text = ''
  /** Hears of everything that pages tell. */
  onEvent: (method: string, params: Params) => void = () => undefined

  constructor(program: string) {
    const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
      '--remote-debugging-pipe',
      '--no-first-run', '--disable-extensions', '--disable-background-networking', '--hide-scrollbars', '--mute-audio',
      `--user-data-dir=${this.profile}`, 'about:blank']
    this.child = spawn(program, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
    const pipe = this.child.stdio[4] as Readable
    pipe.setEncoding('utf8')
    pipe.on('data', (chunk: string) => this.read(chunk))
    this.child.on('exit', () => this.waiting.forEach(({ reject }) => reject(new Error('the browser has ended'))))
  }

  private read(chunk: string): void {
    const parts = (this.text + chunk).split('\0')
    this.text = parts.pop()!
    for (const part of parts) {
      const { id, method, params, result, error } = JSON.parse(part) as { [name: string]: never }
      if (id === undefined) this.onEvent(method!, params!)
      else if (error === undefined) this.waiting.get(id)?.resolve(result!)
      else this.waiting.get(id)?.reject(new Error(JSON.stringify(error)))
      if (id !== undefined) this.waiting.delete(id)
    }
  }

  /** Calls a method of the protocol. */
  call(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = this.nextId++
    ;(this.child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }))
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    await this.call('Browser.close').catch(() => this.child.kill('SIGKILL'))
    await ended
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 })
  }
}
