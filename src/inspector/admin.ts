/**
 * What: what the page may do to a database when `admin: true` was given: each in two steps. The first names what will
 * happen and gives a word, the second brings the word back within half a minute.
 * Owns: the words, and what each was given for. Thread: main.
 * Invariants: INSP-5 the place of a checkpoint is made here, of the directory that the program gave and the time.
 */
import { compareBytes, invalidArgument, VarveError } from '../base/index.js'
import { newSecret } from './secrets.js'
import { keyText } from './texts.js'
import type { Watch } from './watch.js'

const CONFIRM_MS = 30_000

/** What is about to be done: in words, and as a function that gives what there is to tell of its end. */
interface Plan {
  readonly text: string
  run(): Promise<Readonly<Record<string, unknown>>>
}

interface Action {
  readonly about: string
  /** Names of the texts that the page asks for. */
  readonly fields: readonly string[]
  plan(watch: Watch, given: Readonly<Record<string, unknown>>): Plan
}

const ACTIONS: Readonly<Record<string, Action>> = {
  flush: {
    about: 'Writes the memtable to a table now.',
    fields: [],
    plan: ({ subject: { db } }) => ({
      text: 'The memtable is written to a table now.',
      run: async () => ({ seq: (await db.flush(), db.stats().database.visibleSeq) }),
    }),
  },
  compact: {
    about: 'Merges tables until each key has one version: all, or those from one key to another. A key is text, or ' +
      'hexadecimal digits behind 0x.',
    fields: ['from', 'to'],
    plan: ({ subject: { db } }, { from, to }) => {
      const [gte, lte] = [keyOf(from, 'from'), keyOf(to, 'to')]
      if (gte !== undefined && lte !== undefined && compareBytes(gte, lte) > 0) {
        throw invalidArgument('the key from is above the key to')
      }
      const keys = gte === undefined && lte === undefined ? 'All tables are' : `Tables with keys from ${
        gte === undefined ? 'the first' : keyText(gte)} to ${lte === undefined ? 'the last' : keyText(lte)} are`
      return {
        text: `${keys} merged. It may read and write as many bytes as they have.`,
        run: async () => (await db.compact({ gte, lte }), {}),
      }
    },
  },
  scrub: {
    about: 'Reads every file once, and compares all checksums. What is found is told as an event.',
    fields: [],
    plan: (watch) => ({
      text: 'Every file is read once.',
      run: async () => {
        const { problems } = await watch.subject.db.scrub()
        for (const { message } of problems) watch.tell('scrubProblem', { message })
        return { problems: problems.length }
      },
    }),
  },
}

/** Makes the action that makes checkpoints in this directory, under names that the page cannot choose. */
function checkpointIn(dir: string): Action {
  return {
    about: `Makes a database of its own of this moment, in a new directory below ${dir}.`,
    fields: [],
    plan: ({ subject: { db, databaseId, clock, vfs } }) => {
      const time = new Date(clock.wallMs()).toISOString().replace(/\.\d+Z$/, 'Z').replaceAll(':', '-')
      const target = vfs.join(dir, `checkpoint-${databaseId.slice(0, 8)}-${time}`)
      return {
        text: `A checkpoint is made in ${target}.`,
        run: async () => {
          const { fileCount, linkedBytes, copiedBytes } = await db.checkpoint(target)
          return { target, fileCount, linkedBytes, copiedBytes }
        },
      }
    },
  }
}

export class Admin {
  private readonly watch: Watch
  private readonly actions: Readonly<Record<string, Action>>
  private readonly words = new Map<string, { action: string; plan: Plan; endMs: number }>()

  /** `checkpoints`: the directory for checkpoints, or null: then none can be made. */
  constructor(watch: Watch, checkpoints: string | null) {
    this.watch = watch
    this.actions = checkpoints === null ? ACTIONS : { ...ACTIONS, checkpoint: checkpointIn(checkpoints) }
  }

  /** What may be done, for the page; nothing to a database that is only read. */
  get offers(): object[] {
    if (this.watch.subject.engine === null) return []
    return Object.entries(this.actions).map(([action, { about, fields }]) => ({ action, about, fields }))
  }

  /** Without a word: what will happen, and the word. With it: begins that, and tells the outcome as an event. */
  ask(given: Readonly<Record<string, unknown>>): object {
    const { subject } = this.watch
    const { action, confirm: word } = given
    if (typeof action !== 'string' || !Object.hasOwn(this.actions, action)) {
      throw invalidArgument('there is no such action')
    }
    if (subject.engine === null) throw new VarveError('READ_ONLY', 'the database is open for reading only')
    const nowMs = subject.clock.nowMs()
    for (const [each, { endMs }] of this.words) if (endMs <= nowMs) this.words.delete(each)
    if (word === undefined) {
      const plan = this.actions[action]!.plan(this.watch, given)
      const fresh = newSecret()
      this.words.set(fresh, { action, plan, endMs: nowMs + CONFIRM_MS })
      return { action, text: plan.text, confirm: fresh }
    }
    const known = typeof word === 'string' ? this.words.get(word) : undefined
    if (typeof word === 'string') this.words.delete(word)
    if (known?.action !== action) throw invalidArgument('the confirmation is unknown, or too old')
    this.watch.tell('adminBegin', { action, plan: known.plan.text })
    void this.run(action, known.plan)
    return { action, begun: true }
  }

  private async run(action: string, plan: Plan): Promise<void> {
    try {
      const outcome = await plan.run()
      this.watch.tell('adminEnd', { action, ...outcome })
    } catch (error) {
      this.watch.tell('adminFailed', { action, error })
    }
  }
}

/** The key that a text of the page stands for; undefined for none. */
function keyOf(text: unknown, name: string): Uint8Array | undefined {
  if (text === undefined || text === '') return undefined
  if (typeof text !== 'string') throw invalidArgument(`the key ${name} must be a text`)
  if (!/^0x/i.test(text)) return new TextEncoder().encode(text)
  if (/^0x([0-9a-f]{2})*$/i.test(text)) return Uint8Array.from(Buffer.from(text.slice(2), 'hex'))
  throw invalidArgument(`the key ${name} is no even number of hexadecimal digits`)
}
