/**
 * What: `varve blob dump`: the catalog that counts, the segments that it lists and the snapshot of the index that it
 * names, byte by byte.
 */
import path from 'node:path'
import { systemClock } from '../../base/index.js'
import { cacheFileName, CacheView } from '../../blob-cache/index.js'
import { EXIT_ERROR, EXIT_OK, UsageError } from '../command.js'
import { dumpFile, dumpKind, problemsText } from '../dump-file.js'
import { printable } from '../printable.js'
import type { BlobPart } from './blob-part.js'

export const blobDump: BlobPart = {
  options: { brief: { type: 'boolean' } },
  argumentsMax: Infinity,
  async run({ dir, rest, isJson, values }, terminal) {
    const view = await CacheView.read(dir, systemClock.wallMs())
    const names = [cacheFileName('catalog', view.catalogNum), ...view.segments.map(({ segment }) =>
      cacheFileName('segment', segment)), ...(view.snapshot === null ? [] : [view.snapshot.file])]
    for (const name of rest) if (!names.includes(name)) throw new UsageError(`the cache lists no ${name}`)
    let problemCount = 0
    for (const name of rest.length === 0 ? names : rest) {
      const kind = dumpKind(name.slice(name.lastIndexOf('.') + 1))
      if (!isJson) terminal.out(`── ${printable(name)}\n`)
      const options = { isJson, isBrief: values.brief === true }
      const problems = await dumpFile(kind, path.join(view.dir, name), options, terminal)
      problemCount += problems.length
      if (problems.length > 0 && !isJson) terminal.error(problemsText(name, problems))
    }
    return problemCount === 0 ? EXIT_OK : EXIT_ERROR
  },
}
