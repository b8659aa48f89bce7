/**
 * What: the shell's commands about the database itself.
 */
import path from 'node:path'
import type { KeyBounds } from '../../api/index.js'
import type { CompactProgress } from '../../engine/index.js'
import type { Progress } from '../../report/index.js'
import { statsText } from '../../stats/index.js'
import { EXIT_ERROR, EXIT_OK, UsageError } from '../command.js'
import { collectedText, keptText } from '../collected-text.js'
import { countText, msText, sizeText } from '../demo/numbers.js'
import { dumpFile, dumpKind, problemsText } from '../dump-file.js'
import { printableTexts } from '../printable.js'
import { databaseText } from './database-text.js'
import { interrupted } from './session.js'
import type { Session, ShellCommand } from './session.js'

const decoder = new TextDecoder()

export const flushCommand: ShellCommand = {
  name: 'flush',
  synopsis: '',
  summary: 'Bring everything written so far into tables',
  wordCounts: [0],
  async run(_words, { db, terminal, clock }) {
    const startMs = clock.nowMs()
    await db.flush()
    terminal.out(`flushed in ${msText(clock.nowMs() - startMs)}\n`)
    return EXIT_OK
  },
}

export const compactCommand: ShellCommand = {
  name: 'compact',
  synopsis: '[B E]',
  summary: 'Merge the tables with keys from B to E, both included, or all',
  details: ['Flushes first. Ctrl-C gives it up; steps that are done stay.'],
  wordCounts: [0, 2],
  run: ([first, last], session) => compact(session, first === undefined ? {} : { gte: first, lte: last! }),
}

export const fullCompactionCommand: ShellCommand = {
  name: 'full_compaction',
  synopsis: '',
  summary: 'Merge all tables; as compact without keys',
  wordCounts: [0],
  run: (_words, session) => compact(session, {}),
}

export const gcCommand: ShellCommand = {
  name: 'gc',
  synopsis: '[RATIO]',
  summary: 'Give back the space of large values that nothing points to',
  details: [
    'Empties value logs of which more than RATIO is garbage, 0.05 to 0.95; without it what stays',
    'when the database is idle. Flushes first. Ctrl-C gives it up; steps that are done stay.',
  ],
  wordCounts: [0, 1],
  async run([word], session) {
    const { db, terminal } = session
    const ratio = word === undefined ? {} : { ratio: Number(decoder.decode(word)) }
    const abort = new AbortController()
    session.onInterrupt = () => abort.abort()
    if (session.isInterrupted) abort.abort()
    try {
      const result = await db.collectGarbage({ ...ratio, signal: abort.signal })
      terminal.out(collectedText(result) + keptText(result))
    } catch (error) {
      if (!session.isInterrupted) throw error
    } finally {
      session.onInterrupt = null
    }
    return interrupted(session)
  },
}

async function compact(session: Session, range: KeyBounds): Promise<number> {
  const { db, terminal, clock } = session
  const startMs = clock.nowMs()
  const abort = new AbortController()
  session.onInterrupt = () => abort.abort()
  if (session.isInterrupted) abort.abort()
  let progress: Omit<CompactProgress, 'movedBytes' | keyof Progress> = { readBytes: 0, writtenBytes: 0, stepCount: 0 }
  try {
    await db.compact(range, { signal: abort.signal, onProgress: (now) => (progress = now) })
  } catch (error) {
    if (!session.isInterrupted) throw error
  } finally {
    session.onInterrupt = null
  }
  const { readBytes, writtenBytes, stepCount } = progress
  const steps = `${countText(stepCount)} ${stepCount === 1 ? 'step' : 'steps'}`
  const ms = msText(clock.nowMs() - startMs)
  terminal.out(`${steps} in ${ms}, read ${sizeText(readBytes)}, wrote ${sizeText(writtenBytes)}\n`)
  return interrupted(session)
}

export const statsCommand: ShellCommand = {
  name: 'stats',
  synopsis: '',
  summary: 'Print what is in the database and how its parts are doing',
  wordCounts: [0],
  async run(_words, { db, terminal }) {
    terminal.out(`${statsText(printableTexts(db.stats()))}\n`)
    return EXIT_OK
  },
}

export const dumpCommand: ShellCommand = {
  name: 'dump',
  synopsis: '[KIND FILE]',
  summary: 'Print the manifest, the levels and the logs, or a file byte by byte',
  details: [
    'KIND is log, vlog, manifest or table. A FILE without a slash is one of the database. Without both: the state',
    'that a reopen would find.',
  ],
  wordCounts: [0, 2],
  async run([kind, file], session) {
    if (kind !== undefined && file !== undefined) return dumpOne(kind, file, session)
    session.terminal.out(databaseText(session.db))
    return EXIT_OK
  },
}

async function dumpOne(kind: Uint8Array, file: Uint8Array, session: Session): Promise<number> {
  const { db, terminal } = session
  const name = decoder.decode(file)
  if (name === '') throw new UsageError('the name of the file is empty')
  const place = path.basename(name) === name ? path.join(db.location, name) : name
  const options = { isJson: false, isBrief: false, isInterrupted: () => session.isInterrupted }
  const problems = await dumpFile(dumpKind(decoder.decode(kind)), place, options, terminal)
  if (problems.length > 0) terminal.error(problemsText(place, problems))
  return problems.length > 0 || session.isInterrupted ? EXIT_ERROR : EXIT_OK
}

export const quitCommand: ShellCommand = {
  name: 'quit',
  aliases: ['close', 'exit'],
  synopsis: '',
  summary: 'Close the database and end; so does Ctrl-D',
  wordCounts: [0],
  async run(_words, session) {
    session.isDone = true
    return EXIT_OK
  },
}
