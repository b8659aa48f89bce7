/**
 * What: the answers of `GET /api/<view>`, by name. What several ask for at once is made once: an answer is good for a
 * quarter of a second.
 * Owns: the answers that are good, and the time machine of each database. Thread: main.
 */
import { invalidArgument, VarveError } from '../base/index.js'
import { bytesView, filesView, isFileKind } from './bytes-view.js'
import { holdersView, logsView } from './holders-view.js'
import { levelsView, tableView } from './level-view.js'
import { nowView } from './now-view.js'
import { TimeMachine } from './time-machine.js'
import type { Watch } from './watch.js'
import { compactionsView, memoryView, pipelineView, stallsView } from './work-views.js'

const GOOD_MS = 250
/** Nobody looks at a manifest any more after so long: its bytes go. */
const MACHINE_MS = 60_000
/** A larger answer is refused. */
const ANSWER_BYTES_MAX = 1 << 20

/** A time machine, and when somebody asked for it last. */
interface Machine {
  readonly made: Promise<TimeMachine>
  askedMs: number
}

type View = (watch: Watch, query: URLSearchParams) => object | Promise<object>

export class Views {
  private readonly watch: Watch
  private readonly showsValues: boolean
  private readonly answers = new Map<string, { text: Promise<string>; endMs: number }>()
  private machine: Machine | null = null
  private readonly named: Readonly<Record<string, View>> = {
    now: nowView,
    samples: ({ samples }, query) => ({ rows: samples.after(numberIn(query, 'since', 0)) }),
    pipeline: pipelineView,
    levels: ({ subject, stats }) => levelsView(subject.version, { stats, subject }),
    table: ({ subject }, query) => {
      return tableView(subject, numberIn(query, 'file', 0)) ?? notFound('no level has this table any more')
    },
    compactions: compactionsView,
    stalls: stallsView,
    memory: memoryView,
    holders: holdersView,
    logs: logsView,
    heat: ({ books }, query) => {
      return books?.heat.picture(query.get('what') === 'reads' ? 'reads' : 'writes') ?? { rows: [], keys: [], none: '' }
    },
    events: ({ events }, query) => ({ lastId: events.lastId, ...events.after(numberIn(query, 'after', 0)) }),
    files: ({ subject }) => filesView(subject),
    bytes: ({ subject }, query) => {
      const kind = query.get('kind') ?? ''
      if (!isFileKind(kind)) throw invalidArgument('kind must be log, vlog, manifest or table')
      const [num, from] = [numberIn(query, 'num', -1), numberIn(query, 'from', 0)]
      return bytesView(subject, { kind, num, from, section: numberIn(query, 'section', -1), values: this.showsValues })
    },
    history: async (_watch, query) => (await this.timeMachine(query.has('anew'))).overview(),
    group: async (_watch, query) => {
      const [group, beside] = [numberIn(query, 'group', 1), numberIn(query, 'beside', 0)]
      const machine = await this.timeMachine(false)
      // The page may ask for a group that it knows of a machine that has gone since.
      await machine.whenAt(Math.max(group, beside))
      return machine.at(group, beside)
    },
  }

  constructor(watch: Watch, showsValues: boolean) {
    this.watch = watch
    this.showsValues = showsValues
  }

  /** The names of all views. */
  get names(): string[] {
    return Object.keys(this.named)
  }

  /** Gives the answer as JSON. Rejects with NOT_FOUND for a view that there is not, or with what is wrong. */
  answer(name: string, query: URLSearchParams): Promise<string> {
    if (!Object.hasOwn(this.named, name)) return Promise.reject(new VarveError('NOT_FOUND', 'there is no such view'))
    const nowMs = this.watch.subject.clock.nowMs()
    const key = `${name}?${query.toString()}`
    for (const [other, { endMs }] of this.answers) if (endMs <= nowMs) this.answers.delete(other)
    const known = this.answers.get(key)
    if (known !== undefined) return known.text
    const text = this.make(name, query)
    this.answers.set(key, { text, endMs: nowMs + GOOD_MS })
    return text
  }

  private async make(name: string, query: URLSearchParams): Promise<string> {
    const text = JSON.stringify(await this.named[name]!(this.watch, query))
    if (text.length <= ANSWER_BYTES_MAX) return text
    throw new VarveError('VALUE_TOO_LARGE', `the answer would have ${text.length} bytes`)
  }

  private timeMachine(isAnew: boolean): Promise<TimeMachine> {
    const { subject } = this.watch
    const { clock, vfs, dir } = subject
    if (isAnew || this.machine === null) {
      const fileNum = this.watch.stats.manifest.fileNum
      const machine: Machine = { made: TimeMachine.begin(vfs, dir, { fileNum, clock }), askedMs: clock.nowMs() }
      this.machine = machine
      machine.made.catch(() => this.drop(machine))
      this.planEnd(machine)
    }
    this.machine.askedMs = clock.nowMs()
    return this.machine.made
  }

  /** Lets the manifest go when nobody has asked for it for a while. */
  private planEnd(machine: Machine): void {
    const { clock } = this.watch.subject
    clock.after(MACHINE_MS, () => {
      if (this.machine !== machine) return
      if (clock.nowMs() - machine.askedMs >= MACHINE_MS) this.drop(machine)
      else this.planEnd(machine)
    })
  }

  /** Lets a machine go, unless another one has taken its place. */
  private drop(machine: Machine): void {
    if (this.machine === machine) this.machine = null
  }
}

function notFound(what: string): never {
  throw new VarveError('NOT_FOUND', what)
}

/** A whole number that the request names. */
function numberIn(query: URLSearchParams, name: string, absent: number): number {
  const text = query.get(name)
  if (text === null) return absent
  if (!/^\d{1,15}$/.test(text)) throw invalidArgument(`${name} must be a whole number`)
  return Number(text)
}
