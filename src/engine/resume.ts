/**
 * What: brings a READ_ONLY database back, and rolls a long manifest.
 * Owns: the watch on what may pass by itself; that only one resume runs. Thread: main.
 * Order of a resume: probe file written, synced and removed → new log → memtables flushed (they hold
 * every acknowledged write, so the abandoned log is no longer needed) → new manifest with a full
 * version, marker moved → error cleared. Any failure on the way leaves the state as it was.
 */
import { ioError, probeFileName, runAsync, VarveError } from '../base/index.js'
import type { Timer } from '../base/index.js'
import { writeManifest } from '../versions/index.js'
import type { EngineCore } from './engine-core.js'

const WATCH_MS = 1000
const PROBE_BYTES = 4096

export class Resumer {
  private readonly engine: EngineCore
  private timer: Timer | null = null
  private running: Promise<void> | null = null
  private isStopped = false
  private rolling: Promise<void> | null = null

  constructor(engine: EngineCore) {
    this.engine = engine
  }

  /** Tries again every second, as soon as there is room, after a full disk or when nothing could be opened. */
  watch(): void {
    if (this.isStopped || this.timer !== null) return
    this.timer = this.engine.options.clock.after(WATCH_MS, () => {
      this.timer = null
      void this.tryAgain()
    })
  }

  private async tryAgain(): Promise<void> {
    const { health, setup, options } = this.engine
    if (health.state !== 'READ_ONLY' || this.isStopped) return
    try {
      const free = await setup.vfs.freeBytes(setup.dir)
      if (free >= 2 * options.writeBufferSize) await this.resume()
    } catch {
      // Reported by the state and by its event; looked at again in a second.
    }
    if (health.state === 'READ_ONLY') this.watch()
  }

  stop(): void {
    this.isStopped = true
    this.timer?.cancel()
    this.timer = null
  }

  /** Resolves when neither a resume nor a new manifest is under way. Requires: stopped. */
  async idle(): Promise<void> {
    await this.running?.catch(() => undefined)
    await this.rolling
  }

  async resume(): Promise<void> {
    if (this.isStopped) throw new VarveError('CLOSED', 'the database is closed')
    this.running ??= this.run().finally(() => {
      this.running = null
    })
    return this.running
  }

  private async run(): Promise<void> {
    const { engine } = this
    const { health } = engine
    if (health.state === 'OPEN') return
    if (health.state === 'DEGRADED') {
      engine.flusher.resume()
      engine.compactor.endPause()
      return
    }
    if (health.state !== 'READ_ONLY') health.checkWritable()
    await this.probe()
    await engine.buffers.prepared()
    while (engine.stalls.isBarred) await engine.stalls.noBarrier()
    const next = engine.buffers.take()
    if (next === null) throw health.cause
    engine.pipeline.rotate(next)
    engine.flusher.resume()
    await engine.flusher.whenReleased()
    // Nothing may be written behind the abandoned log before the durable pointer has passed it.
    await engine.heldEdits.whenSettled()
    await this.writeWholeManifest()
    if (health.state !== 'READ_ONLY') return
    health.recover()
    engine.setup.events.emit({ type: 'resumed' })
    engine.compactor.endPause()
    engine.pipeline.encodeWaiting()
  }

  /** Checks that the disk takes a file, syncs it and lets it go again. */
  private async probe(): Promise<void> {
    const { vfs, dir, names } = this.engine.setup
    const name = probeFileName(names.next())
    const path = vfs.join(dir, name)
    try {
      const file = await vfs.open(path, 'create')
      try {
        const bytes = new Uint8Array(PROBE_BYTES)
        let done = 0
        while (done < PROBE_BYTES) done += await file.write(bytes, done, PROBE_BYTES - done, done)
        await file.sync()
      } finally {
        await file.close().finally(() => vfs.unlink(path))
      }
      await vfs.syncDir(dir)
    } catch (error) {
      throw ioError(error, 'probe', name)
    }
  }

  /** Lets a new manifest take over a long one, between two groups. */
  rollManifest(): void {
    if (this.rolling !== null || this.isStopped || !this.engine.versions.isIdle) return
    this.rolling = this.writeWholeManifest()
      .catch((error: unknown) => {
        // When the new manifest may count already, the version set has stopped everything.
        this.engine.setup.events.emit({ type: 'backgroundError', place: 'manifest roll', file: '', error })
      })
      .finally(() => {
        this.rolling = null
      })
  }

  private async writeWholeManifest(): Promise<void> {
    const { versions, setup, deleter } = this.engine
    await versions.exclusively(async () => {
      const place = { ...setup.origin, vfs: setup.vfs, dir: setup.dir }
      const fileNum = versions.allocateFileNum()
      const log = await runAsync(writeManifest(place, fileNum, versions.whole))
      const old = versions.replaceManifest(log)
      await runAsync(old.close())
      deleter.add([old.name])
    })
  }
}
