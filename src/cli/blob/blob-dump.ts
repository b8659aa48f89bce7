/**
 * What: `varve blob dump`: the catalog that counts, the segments that it lists and the snapshot of the index that it
 * names, byte by byte.
 */
import path from 'node:path'
import { systemClock, VarveError } from '../../base/index.js'
import { cacheFileName, CacheView } from '../../blob-cache/index.js'
import type { Problem } from '../../dump/index.js'
import { EXIT_ERROR, EXIT_OK, UsageError } from '../command.js'
import type { Terminal } from '../command.js'
import { dumpFile, dumpKind, problemsText } from '../dump-file.js'
import type { DumpOptions } from '../dump-file.js'
import { defineCommand, flag, words } from '../kit/index.js'
import { printable, printableJson } from '../printable.js'
import { CACHE_DIR } from './blob-part.js'

export const blobDump = defineCommand({
  name: 'blob dump',
  group: 'Other',
  summary: 'The catalog, segments and index byte by byte, as `varve dump` does',
  positionals: { dir: CACHE_DIR, names: words('NAME', 'the name of a file', 'only these of its files') },
  options: { brief: flag('one line for each frame or record, without its fields') },
  json: 'lines',
  onInterrupt: 'end',
  async run({ dir, names: asked, brief: isBrief }, { isJson, terminal }) {
    const view = await CacheView.read(dir, systemClock.wallMs())
    const names = namesIn(view)
    for (const name of asked) if (!names.includes(name)) throw new UsageError(`the cache lists no ${name}`)
    let problemCount = 0
    for (const name of asked.length === 0 ? names : asked) {
      const problems = await dumpIn(view, name, { isJson, isBrief }, terminal)
      problemCount += problems.length
      if (problems.length > 0 && !isJson) terminal.error(problemsText(name, problems))
    }
    return problemCount === 0 ? EXIT_OK : EXIT_ERROR
  },
})

function namesIn({ catalogNum, segments, snapshot }: CacheView): string[] {
  return [
    cacheFileName('catalog', catalogNum), ...segments.map(({ segment }) => cacheFileName('segment', segment)),
    ...(snapshot === null ? [] : [snapshot.file]),
  ]
}

/** Dumps a file. That it is gone is a problem, unless a process that has the cache has removed it meanwhile. */
async function dumpIn(view: CacheView, name: string, options: DumpOptions, terminal: Terminal): Promise<Problem[]> {
  const kind = dumpKind(name.slice(name.lastIndexOf('.') + 1))
  const file = path.join(view.dir, name)
  if (!options.isJson) terminal.out(`── ${printable(name)}\n`)
  try {
    return await dumpFile(kind, file, options, terminal)
  } catch (error) {
    if (!VarveError.is(error) || error.code !== 'NOT_FOUND') throw error
    const isListed = namesIn(await CacheView.read(view.dir, systemClock.wallMs())).includes(name)
    const problems = isListed ? [{ offset: 0, message: 'the file is missing' }] : []
    if (options.isJson) terminal.out(`${printableJson({ kind, file, bytes: 0, problems }, 0)}\n`)
    else if (!isListed) terminal.out('removed meanwhile\n')
    return problems
  }
}
