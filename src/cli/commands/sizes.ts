/**
 * What: `varve sizes`: what keys of each prefix take, and which keys and values are the largest.
 */
import type { Varve } from '../../api/index.js'
import { EXIT_OK } from '../command.js'
import { untilDamage } from '../data/damage.js'
import { countText } from '../demo/numbers.js'
import {
  amountText, bytesField, bytesOption, defineCommand, DIR, flag, numberOption, tableText, withReader,
} from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'
import { estimateSizes, exactSizes } from '../look/key-sizes.js'
import type { BigItem, ExactSizes, PrefixRow, PrefixRule } from '../look/key-sizes.js'

const KEY_CHARACTERS = 32
const TOP_DEFAULT = 20
/** The bar is shown anew after so many keys. */
const STEP_KEYS = 10_000
const COLON = Uint8Array.of(0x3a)

export const sizesCommand = defineCommand({
  name: 'sizes',
  group: 'Look',
  summary: 'Print what keys of each prefix take, and the largest keys and values',
  positionals: { dir: DIR },
  options: {
    separator: bytesOption('TEXT', 'what ends a prefix; a colon without it'),
    depth: numberOption('N', 'the Nth separator ends it, else the first', { min: 1, max: 100 }),
    length: numberOption('N', 'the first N bytes are the prefix', { min: 1, max: 65_535 }),
    top: numberOption('N', `the N largest prefixes, else ${TOP_DEFAULT}`, { min: 1, max: 100_000 }),
    exact: flag('read every entry: bytes as the user gave them, largest keys and values, a histogram'),
  },
  details: [
    'Without --exact the figures are estimates from the indexes of the tables: bytes on disk, in whole blocks, with',
    'versions and deletions that readers do not see; large values are shared out among the keys of their table.',
  ],
  json: 'object',
  onInterrupt: 'end',
  run({ dir, separator = COLON, depth = 1, length, top = TOP_DEFAULT, exact: isExact }, context) {
    const rule = { separator: separator.length === 0 ? COLON : separator, depth, length: length ?? null }
    return withReader(dir, (db) => untilDamage(context, async () => {
      if (!isExact) {
        const prefixes = estimateSizes(db, rule)
        context.result({ isExact, ...prefixesJson(prefixes, top) }, () => prefixesText(prefixes, top, isExact, context))
        return EXIT_OK
      }
      const sizes = await walk(db, rule, context)
      context.result(exactJson(sizes, top), () => exactText(sizes, top, context))
      return EXIT_OK
    }))
  },
})

function walk(db: Varve, rule: PrefixRule, context: CommandContext): Promise<ExactSizes> {
  const tell = context.progress('reading')
  let count = 0
  return exactSizes(db, rule, () => {
    if (++count % STEP_KEYS !== 0) return null
    tell({ doneBytes: 0, totalBytes: null, doneCount: count, totalCount: null })
    return context.paced()
  })
}

function prefixesJson(prefixes: readonly PrefixRow[], top: number): object {
  return {
    prefixCount: prefixes.length,
    prefixes: prefixes.slice(0, top).map(({ prefix, entries, bytes, valueBytes }) => ({
      ...(prefix === null ? { prefix: null } : bytesField('prefix', prefix)),
      entries: Math.round(entries), bytes: Math.round(bytes), valueBytes: Math.round(valueBytes),
    })),
  }
}

function exactJson(sizes: ExactSizes, top: number): object {
  const { prefixes, biggestKeys, biggestValues, histogram } = sizes
  const items = (all: readonly BigItem[]): object[] => all.map(({ key, bytes }) => ({ ...bytesField('k', key), bytes }))
  return {
    isExact: true, ...prefixesJson(prefixes, top),
    biggestKeys: items(biggestKeys), biggestValues: items(biggestValues),
    histogram: histogram.map((counts, i) => ({ belowBytes: 2 ** i, ...counts })),
  }
}

function prefixesText(
  prefixes: readonly PrefixRow[], top: number, isExact: boolean, context: CommandContext,
): string {
  const columns = [
    { title: 'prefix' }, { title: 'entries', isRight: true },
    { title: isExact ? 'keys' : 'tables', isRight: true },
    { title: isExact ? 'values' : 'large values', isRight: true },
  ]
  const row = (name: string, { entries, bytes, valueBytes }: Omit<PrefixRow, 'prefix'>): string[] =>
    [name, countText(Math.round(entries)), amountText(bytes), amountText(valueBytes)]
  const rows = prefixes.slice(0, top).map((each) => {
    return row(each.prefix === null ? 'without' : context.shortKeyText(each.prefix, KEY_CHARACTERS), each)
  })
  if (prefixes.length > top) rows.push(row(`${countText(prefixes.length - top)} more`, sumOf(prefixes.slice(top))))
  return tableText(columns, [...rows, row('total', sumOf(prefixes))])
}

function sumOf(rows: readonly PrefixRow[]): Omit<PrefixRow, 'prefix'> {
  const sum = (of: (row: PrefixRow) => number): number => rows.reduce((all, each) => all + of(each), 0)
  return { entries: sum((r) => r.entries), bytes: sum((r) => r.bytes), valueBytes: sum((r) => r.valueBytes) }
}

function exactText(sizes: ExactSizes, top: number, context: CommandContext): string {
  const { prefixes, biggestKeys, biggestValues, histogram } = sizes
  const biggest = (title: string, items: readonly BigItem[]): string => '\n' + tableText(
    [{ title }, { title: 'bytes', isRight: true }],
    items.map(({ key, bytes }) => [context.shortKeyText(key, KEY_CHARACTERS), countText(bytes)]),
  )
  const classes = histogram.map(({ keys, values }, i) => [countText(2 ** i), countText(keys), countText(values)])
  const columns = ['bytes below', 'keys', 'values'].map((title) => ({ title, isRight: true }))
  return prefixesText(prefixes, top, true, context) + biggest('largest keys', biggestKeys) +
    biggest('keys of the largest values', biggestValues) + '\n' + tableText(columns, classes)
}
