/**
 * What: the syncs of one job on a thread that can only await them. The job does blocking I/O; its syncs are noted, and
 * done between its end and its answer: nobody hears of the job before they succeeded.
 * Owns: the handles that wait for their sync, after the job has closed them.
 * Requires: within a job nothing depends on a sync that came before (docs/design/0010).
 * Thread: the caller's.
 */
import { DIRECTORY_NAME, directoryError, ioError } from '../base/index.js'
import type { OpenMode, Vfs, VfsFile } from './vfs.js'

interface OwedSync {
  /** The name of the file in errors; `.` is the directory. */
  name: string
  path: string
  sync(): Promise<void>
  /** Lets go of the handle. */
  close(): Promise<void>
}

export class LateSyncs {
  /** The file system that the job works on. */
  readonly vfs: Vfs
  private readonly owed: OwedSync[] = []

  constructor(inner: Vfs) {
    this.vfs = delegate(inner, {
      openSync: (path: string, mode: OpenMode) => this.file(inner.openSync(path, mode)),
      syncDirSync: (path: string) => {
        this.owed.push({ name: DIRECTORY_NAME, path, sync: () => inner.syncDir(path), close: async () => undefined })
      },
    })
  }

  /** Does the syncs. Throws IO_ERROR or NO_SPACE for the first that failed; the others are not tried then. */
  async settle(): Promise<void> {
    const owed = this.owed.splice(0)
    try {
      for (const { name, path, sync } of owed) {
        try {
          await sync()
        } catch (error) {
          throw name === DIRECTORY_NAME ? directoryError(error, 'sync', path) : ioError(error, 'sync', name)
        }
      }
    } finally {
      for (const { close } of owed) await close().catch(() => undefined) // the handle is gone in any case
    }
  }

  /** Closes the handles of a job that failed: its files are not used, and so not synced. */
  async abandon(): Promise<void> {
    for (const { close } of this.owed.splice(0)) await close().catch(() => undefined)
  }

  /** A file whose handle stays open until the sync that is owed is done. */
  private file(inner: VfsFile): VfsFile {
    let isOwed = false
    const owe = (): void => {
      if (isOwed) return
      isOwed = true
      const { path } = inner
      this.owed.push({ name: lastPart(path), path, sync: () => inner.sync(), close: () => inner.close() })
    }
    return delegate(inner, {
      syncSync: owe,
      dataSyncSync: owe,
      closeSync: () => {
        if (!isOwed) inner.closeSync()
      },
    })
  }
}

/** Makes an object with the calls of `own`; all others go to `target`. */
function delegate<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(own, name)) return own[name as keyof T]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function lastPart(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}
