/**
 * What: `varve ingest`: makes table files that a table writer made part of a database, all or none.
 */
import { INGEST_MODES } from '../../ingest/index.js'
import type { IngestResult } from '../../ingest/index.js'
import { EXIT_OK } from '../command.js'
import { BESIDE_A_WRITER } from '../data/beside-a-writer.js'
import { choiceOption, countedText, defineCommand, DIR, flag, sizeOption, someWords, withWriter } from '../kit/index.js'
import { printable } from '../printable.js'

export const ingestCommand = defineCommand({
  name: 'ingest',
  group: 'Copy',
  summary: 'Make table files part of the database, all or none',
  positionals: {
    dir: DIR,
    files: someWords('FILE', 'the table files', 'files of Varve.tableWriter; no two of them share keys'),
  },
  options: {
    mode: choiceOption('MODE', [
      'link: a second name for the file, or a copy where it cannot have one; this is the default;',
      'copy; move: as link, and the first name goes when the database has the file for good',
    ], INGEST_MODES),
    noVerify: flag('do not read every byte of the files first'),
    pace: sizeOption('SIZE', 'read and write at most so many bytes a second'),
  },
  details: [
    'What stands in the files is newer than all that was written before. A file that is no such table,',
    'is damaged or shares keys with another one is refused, and nothing has changed.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, files, mode, noVerify, pace }, context) {
    return withWriter(dir, BESIDE_A_WRITER, async (db) => {
      const result = await db.ingest(files, {
        mode, verify: !noVerify, bytesPerSecond: pace, signal: context.signal, onProgress: context.progress('ingest'),
      })
      context.result({ files, ...result }, () => resultText(files, result))
      return EXIT_OK
    })
  },
})

function resultText(files: readonly string[], { seqNum, levels, sourcesLeft }: IngestResult): string {
  const lines = files.map((file, i) => `  ${printable(file)}: level ${levels[i]!}\n`)
  const left = sourcesLeft.map((file) => `  ! ${printable(file)} could not be removed; the database has it too\n`)
  return [`ingested ${countedText(files.length, 'file')} at sequence ${seqNum}\n`, ...lines, ...left].join('')
}
