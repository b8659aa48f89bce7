/**
 * What: what the page may do to a database when `admin: true` was given: each in two steps. The first names what will
 * happen and gives a word, the second brings the word back within half a minute.
 * Owns: the words. Thread: main.
 */
import { invalidArgument, VarveError } from '../base/index.js'
import { newSecret } from './secrets.js'
import type { Watch } from './watch.js'

const CONFIRM_MS = 30_000

const ACTIONS: Readonly<Record<string, { text: string; run: (watch: Watch) => Promise<void> }>> = {
  flush: {
    text: 'Writes the memtable to a table now.',
    run: ({ subject }) => subject.db.flush(),
  },
  compact: {
    text: 'Merges all tables until each key has one version. It may read and write the whole database.',
    run: ({ subject }) => subject.db.compact(),
  },
  scrub: {
    text: 'Reads every file once, and compares all checksums. What is found is told as an event.',
    run: async (watch) => {
      const { problems } = await watch.subject.db.scrub()
      for (const { message } of problems) watch.tell('scrubProblem', { message })
    },
  },
}

export class Admin {
  private readonly watch: Watch
  private readonly words = new Map<string, { action: string; endMs: number }>()

  constructor(watch: Watch) {
    this.watch = watch
  }

  /** Without a word: what will happen, and the word. With it: begins, and tells the outcome as an event. */
  ask(action: unknown, word: unknown): object {
    const { subject } = this.watch
    if (typeof action !== 'string' || !Object.hasOwn(ACTIONS, action)) throw invalidArgument('there is no such action')
    if (subject.engine === null) throw new VarveError('READ_ONLY', 'the database is open for reading only')
    const nowMs = subject.clock.nowMs()
    for (const [each, { endMs }] of this.words) if (endMs <= nowMs) this.words.delete(each)
    if (word === undefined) {
      const fresh = newSecret()
      this.words.set(fresh, { action, endMs: nowMs + CONFIRM_MS })
      return { action, text: ACTIONS[action]!.text, confirm: fresh }
    }
    const known = typeof word === 'string' ? this.words.get(word) : undefined
    if (typeof word === 'string') this.words.delete(word)
    if (known?.action !== action) throw invalidArgument('the confirmation is unknown, or too old')
    this.watch.tell('adminBegin', { action })
    void this.run(action)
    return { action, begun: true }
  }

  private async run(action: string): Promise<void> {
    try {
      await ACTIONS[action]!.run(this.watch)
      this.watch.tell('adminEnd', { action })
    } catch (error) {
      this.watch.tell('adminFailed', { action, error })
    }
  }
}
