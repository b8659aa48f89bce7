/**
 * What: the calls to a file system, counted, hashed and written down as text.
 * Two runs with one seed must give one hash.
 */
import { crc32 } from '../../base/index.js'
import { opText } from './file-op.js'
import type { FileOp } from './file-op.js'

/** Called after every change of the disk; `index` counts them from 1. */
export type EffectHook = (index: number, description: string, op: FileOp) => void

/** Collects lines until it is stopped. */
export interface OpRecorder {
  /** What was written down so far. */
  readonly lines: string[]
  /** Ends the recording, and gives the lines. */
  stop(): string[]
}

export class OpLog {
  private recorders: { dir: string; lines: string[] }[] = []
  private hash = 0
  private readonly encoder = new TextEncoder()
  private readonly buffer = new Uint8Array(1024)

  /** Adds a call. `outcome` is an errno name, or '' for success; `data` is what was written. */
  add(op: FileOp, outcome: string, data?: { bytes: Uint8Array; at: number; length: number }): void {
    const { written } = this.encoder.encodeInto(`${opText(op)} ${outcome}\n`, this.buffer)
    this.hash = crc32(this.buffer, 0, written, this.hash)
    if (data !== undefined) this.hash = crc32(data.bytes, data.at, data.at + data.length, this.hash)
    for (const { dir, lines } of this.recorders) {
      lines.push(opText(op, dir) + (outcome === '' ? '' : ` -> ${outcome}`))
    }
  }

  get traceHash(): string {
    return this.hash.toString(16).padStart(8, '0')
  }

  /** Records calls as text, with names relative to `dir`. */
  record(dir: string): OpRecorder {
    const recorder = { dir, lines: [] as string[] }
    this.recorders.push(recorder)
    return {
      lines: recorder.lines,
      stop: () => {
        this.recorders = this.recorders.filter((other) => other !== recorder)
        return recorder.lines
      },
    }
  }
}
