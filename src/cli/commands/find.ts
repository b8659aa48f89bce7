/**
 * What: `varve find`: every place that has something of a key, newest first, and which one counts.
 */
import { systemClock, vlogFileName, logFileName } from '../../base/index.js'
import { readersOf } from '../../api/index.js'
import { findKey } from '../../read/index.js'
import type { KeyPlace, ReadView } from '../../read/index.js'
import { EXIT_OK } from '../command.js'
import { untilDamage } from '../data/damage.js'
import { countText } from '../demo/numbers.js'
import { bytesField, bytesWord, countedText, defineCommand, DIR, tableText, withReader } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'
import { timeText } from '../look/age-text.js'

const KEY_CHARACTERS = 60
const RANGE_CHARACTERS = 20
const ATTEMPTS_MAX = 5

/** What becomes of a place when somebody reads the key. */
type Verdict = 'wins' | 'hidden'

interface JudgedPlace extends KeyPlace {
  verdict: Verdict
}

export const findCommand = defineCommand({
  name: 'find',
  group: 'Look',
  summary: 'Print every place of a key, newest first, and which one counts',
  positionals: { dir: DIR, key: bytesWord('KEY', 'a key', 'the key; behind -- when it begins with a dash') },
  details: [
    'A place is an entry of a log that is in no table yet, an entry of a table, or a range tombstone over the key. The',
    'newest one wins: the highest sequence number. What it hides goes when a merge meets both.',
  ],
  json: 'object',
  onInterrupt: 'end',
  run({ dir, key }, context) {
    return withReader(dir, (db) => untilDamage(context, async () => {
      const { view } = readersOf(db)
      const places = judged(patiently(view, key))
      const found = stateOf(places, systemClock.wallMs())
      context.result(
        { ...bytesField('k', key), state: found, places: places.map((place) => jsonOf(place, view)) },
        () => text(key, found, places, { context, view }),
      )
      return EXIT_OK
    }))
  },
})

/** Finds the places; looks again when a process beside has removed a file meanwhile. */
function patiently(view: ReadView, key: Uint8Array): KeyPlace[] {
  for (let attempt = 1; ; attempt++) {
    try {
      return findKey(view.state, key)
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !view.renew(error)) throw error
    }
  }
}

function judged(places: readonly KeyPlace[]): JudgedPlace[] {
  return places.map((place, i) => ({ ...place, verdict: i === 0 ? 'wins' : 'hidden' }))
}

type KeyState = 'absent' | 'deleted' | 'expired' | 'value'

function stateOf([winner]: readonly KeyPlace[], nowMs: number): KeyState {
  if (winner === undefined) return 'absent'
  if (winner.what !== 'put') return 'deleted'
  return winner.expiresMs !== 0 && winner.expiresMs <= nowMs ? 'expired' : 'value'
}

function jsonOf({ seqNum, what, source, valueBytes, expiresMs, handle, range, verdict }: JudgedPlace, view: ReadView) {
  return {
    seq: seqNum, what, verdict, source,
    ...(valueBytes === null ? {} : { bytes: valueBytes }),
    ...(expiresMs === 0 ? {} : { exp: expiresMs }),
    ...(handle === null ? {} : { value: { file: valueFileName(handle.fileNum, view), offset: handle.offset } }),
    ...(range === null ? {} : { ...bytesField('from', range.from), ...(range.to && bytesField('to', range.to)) }),
  }
}

/** A promoted log keeps its name. */
function valueFileName(fileNum: number, { state: { version } }: ReadView): string {
  return version.valueLogs.get(fileNum)?.isLog === true ? logFileName(fileNum) : vlogFileName(fileNum)
}

const STATES: Record<KeyState, string> = {
  absent: 'nothing has it', deleted: 'deleted', expired: 'expired', value: 'there',
}

function text(
  key: Uint8Array, state: KeyState, places: readonly JudgedPlace[], { context, view }: {
    context: CommandContext; view: ReadView
  },
): string {
  const head = `${context.shortKeyText(key, KEY_CHARACTERS)}: ${STATES[state]}\n`
  if (places.length === 0) return head
  const columns = [
    { title: 'sequence', isRight: true }, { title: '' }, { title: 'file' }, { title: 'level', isRight: true },
    { title: 'block', isRight: true }, { title: 'offset', isRight: true }, { title: 'what' },
  ]
  const rows = places.flatMap((place) => {
    const [what, ...more] = whatLines(place, context, view)
    return [[countText(place.seqNum), place.verdict, ...sourceCells(place), what!], ...more.map(indented)]
  })
  return head + tableText(columns, rows)
}

function sourceCells({ source }: KeyPlace): string[] {
  if (source.kind === 'log') return [source.file, '', '', countText(source.offset)]
  if (source.kind === 'spans') return [source.file, source.level === null ? '' : String(source.level), '', '']
  return [source.file, String(source.level), countText(source.block), countText(source.offset)]
}

/** A further line of what a place says. */
function indented(line: string): string[] {
  return ['', '', '', '', '', '', line]
}

function whatLines(
  { what, valueBytes, expiresMs, handle, range }: KeyPlace, context: CommandContext, view: ReadView,
): string[] {
  if (what === 'del') return ['deletion']
  if (range !== null) {
    const [from, to] = [range.from, range.to].map((key) => {
      return key === null ? 'the last key' : context.shortKeyText(key, RANGE_CHARACTERS)
    })
    return ['deletes', `from ${from}`, `to ${to}`]
  }
  const lines = [valueBytes === null ? 'bad handle' : countedText(valueBytes, 'byte')]
  if (handle !== null) lines.push(`in ${valueFileName(handle.fileNum, view)} at ${countText(handle.offset)}`)
  if (expiresMs !== 0) lines.push(`to ${timeText(expiresMs)}`)
  return lines
}
