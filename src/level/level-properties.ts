/**
 * What: the properties that LevelDB answers, answered for Varve: the same names and about the same texts.
 */
import type { Level, Version } from '../manifest/index.js'
import type { LevelStats, Stats } from '../stats/index.js'

const FILES_AT_LEVEL = 'leveldb.num-files-at-level'
/** The number of levels that LevelDB has. */
const LEVELS_SHOWN = 7
const MB = 1_048_576
const STATS_HEAD = [
  `${' '.repeat(31)}Compactions`, 'Level  Files Size(MB) Time(sec) Read(MB) Write(MB)', '-'.repeat(50),
]
const COLUMNS = [8, 8, 9, 8, 9]

/** Answers a property; gives the empty string for an unknown one, as LevelDB does. */
export function propertyText(name: string, stats: Stats, version: Version): string {
  if (name.startsWith(FILES_AT_LEVEL)) return fileCountText(name.slice(FILES_AT_LEVEL.length), stats.levels)
  if (name === 'leveldb.stats') return statsText(stats)
  if (name === 'leveldb.sstables') return tablesText(version.levels)
  if (name === 'leveldb.approximate-memory-usage') return String(stats.memory.totalBytes)
  return ''
}

function fileCountText(number: string, levels: readonly LevelStats[]): string {
  const level = /^\d{1,3}$/.test(number) ? Number(number) : Infinity
  if (level >= Math.max(LEVELS_SHOWN, levels.length)) return ''
  return String(levels.find((stats) => stats.level === level)?.tableCount ?? 0)
}

/** Prints LevelDB's own table, as programs look for it: a line for each level that has tables or was compacted into. */
function statsText({ levels, compaction }: Stats): string {
  const lines = [...Array(Math.max(LEVELS_SHOWN, levels.length)).keys()].flatMap((level) => {
    const { tableCount = 0, tableBytes = 0 } = levels.find((each) => each.level === level) ?? {}
    const { runMs = 0, readBytes = 0, writtenBytes = 0 } = compaction.levels.find((each) => each.level === level) ?? {}
    if (tableCount === 0 && runMs === 0) return []
    const cells = [tableCount, tableBytes / MB, runMs / 1000, readBytes / MB, writtenBytes / MB]
    return [[String(level).padStart(3), ...cells.map((cell, i) => cell.toFixed(0).padStart(COLUMNS[i]!))].join(' ')]
  })
  return [...STATS_HEAD, ...lines, ''].join('\n')
}

function tablesText(levels: readonly Level[]): string {
  const lines: string[] = []
  for (let level = 0; level < Math.max(LEVELS_SHOWN, levels.length); level++) {
    lines.push(`--- level ${level} ---`)
    for (const { fileNum, bytes, smallestKey, largestKey } of levels[level]?.tables ?? []) {
      lines.push(` ${fileNum}:${bytes}['${keyText(smallestKey)}' .. '${keyText(largestKey)}']`)
    }
  }
  return [...lines, ''].join('\n')
}

/** Shows printable ASCII as it is, other bytes as \xhh. */
function keyText(key: Uint8Array): string {
  return Array.from(key, (byte) =>
    byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}
