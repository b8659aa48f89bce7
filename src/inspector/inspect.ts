/**
 * What: `inspect`: shows one or several databases in a browser, until it is closed, or all of them are.
 * Owns: the life of the server, of the watches and of the runtime files. Thread: main.
 */
import { OPEN_DATABASE_HINT, readersOf, Varve } from '../api/index.js'
import { invalidArgument, systemClock } from '../base/index.js'
import { Admin } from './admin.js'
import { resolveInspect } from './options.js'
import type { InspectOptions, ResolvedInspect } from './options.js'
import { writeRuntimeFile } from './runtime-file.js'
import { Secrets } from './secrets.js'
import { InspectorServer } from './server.js'
import type { Shown } from './server.js'
import { Subject } from './subject.js'
import { Views } from './views.js'
import { Watch } from './watch.js'

/** An inspector that is open. */
export interface Inspection {
  /**
   * The address for the browser, with a token that is good once, within a minute; each reading makes a new one. With
   * the option `token` it has that one.
   */
  readonly url: string
  /** Ends the server and its streams; a view that it opened itself is closed, a database that was given is not. */
  close(): Promise<void>
  /** Ends it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

const DATABASES_MAX = 64

/**
 * Shows open databases, or the one in a directory, in a browser of this machine. Costs nothing that an operation would
 * notice, keeps no process alive, and ends with the databases. A directory is only read, also beside a process that
 * writes it: what only that process knows is left out. Rejects with INVALID_ARGUMENT, IO_ERROR when the port is taken,
 * or as an open does; then nothing is left open.
 */
export async function inspect(what: Varve | readonly Varve[] | string, options?: InspectOptions): Promise<Inspection> {
  const resolved = resolveInspect(options)
  const subjects = await subjectsOf(what)
  try {
    return await begin(subjects, resolved)
  } catch (error) {
    for (const { db, isOwn } of subjects) if (isOwn) await db.close()
    throw error
  }
}

async function subjectsOf(what: Varve | readonly Varve[] | string): Promise<Subject[]> {
  if (typeof what === 'string') return [new Subject(await Varve.open(what, { readOnly: true }), true)]
  const all: readonly unknown[] = Array.isArray(what) ? [...(what as readonly Varve[])] : [what]
  if (all.length === 0 || all.length > DATABASES_MAX) {
    throw invalidArgument(`inspect takes 1 to ${DATABASES_MAX} databases, not ${all.length}`)
  }
  return all.map((db) => {
    // By what it has: a program may have the package twice, as modules and as CommonJS.
    const isDatabase = typeof db === 'object' && db !== null && readersOf(db as Varve).view !== undefined
    if (!isDatabase) {
      throw invalidArgument('inspect takes open databases, or the path of a directory', OPEN_DATABASE_HINT)
    }
    const subject = new Subject(db as Varve, false)
    subject.view.checkReadable()
    return subject
  })
}

async function begin(subjects: readonly Subject[], options: ResolvedInspect): Promise<Inspection> {
  await checkCheckpoints(subjects, options.checkpoints)
  const secrets = new Secrets(systemClock, options.token)
  const shown = subjects.map((subject): Shown => {
    const watch = new Watch(subject, options.historyMs)
    return { watch, views: new Views(watch, options.values), admin: new Admin(watch, options.checkpoints) }
  })
  const server = new InspectorServer(options, secrets, shown)
  let port: number
  try {
    port = await server.listen()
  } catch (error) {
    for (const { watch } of shown) watch.stop()
    throw error
  }
  if (!options.isLoopback) for (const { watch } of shown) watch.tell('inspectorOpenToOthers', { host: options.host })
  const removals = await Promise.all(subjects.filter(({ engine }) => engine !== null).map((subject) =>
    writeRuntimeFile(subject.databaseId, { port, host: options.host, pid: process.pid, secret: secrets.ticketSecret })))
  return new Inspector({ server, shown, removals, urlOf: () => urlOf(options, port, secrets) })
}

/** Throws INVALID_ARGUMENT when there is no such directory. */
async function checkCheckpoints(subjects: readonly Subject[], dir: string | null): Promise<void> {
  if (dir === null) return
  for (const { vfs } of subjects) {
    const info = await vfs.stat(dir).catch(() => null)
    if (info?.kind !== 'directory') throw invalidArgument(`option checkpoints: ${dir} is no directory`)
  }
}

function urlOf({ host, allowedHosts, isLoopback, token }: ResolvedInspect, port: number, secrets: Secrets): string {
  const name = isLoopback ? `${host.includes(':') ? `[${host}]` : host}:${port}` : allowedHosts[0]!
  return `http://${name}/#${token ?? secrets.issueToken()}`
}

interface InspectorParts {
  server: InspectorServer
  shown: readonly Shown[]
  removals: readonly ((() => Promise<void>) | null)[]
  urlOf: () => string
}

class Inspector implements Inspection {
  private readonly parts: InspectorParts
  private readonly open: Set<Shown>
  private ended: Promise<void> | null = null
  private readonly unhooks: (() => void)[]

  constructor(parts: InspectorParts) {
    this.parts = parts
    this.open = new Set(parts.shown)
    this.unhooks = parts.shown.map((each) => each.watch.subject.onClose(() => this.onClosed(each)))
    // A database that was closed while the server began does not tell it any more.
    for (const each of parts.shown) if (each.watch.subject.isClosed) this.onClosed(each)
  }

  get url(): string {
    return this.parts.urlOf()
  }

  close(): Promise<void> {
    this.ended ??= this.end()
    return this.ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private onClosed(shown: Shown): void {
    this.open.delete(shown)
    shown.watch.stop()
    this.parts.server.endStreamsOf(shown.watch)
    if (this.open.size === 0) void this.close()
  }

  private async end(): Promise<void> {
    const { server, shown, removals } = this.parts
    for (const unhook of this.unhooks) unhook()
    for (const { watch } of shown) watch.stop()
    await server.close()
    for (const remove of removals) await remove?.()
    for (const { watch: { subject } } of shown) if (subject.isOwn) await subject.db.close()
  }
}
