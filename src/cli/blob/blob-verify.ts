/** What: `varve blob verify`: every byte of a cache, and what it is. */
import { checkCache } from '../../blob-cache/index.js'
import type { FileLedger } from '../../blob-cache/index.js'
import { EXIT_ERROR, EXIT_OK } from '../command.js'
import { countText } from '../demo/numbers.js'
import { defineCommand } from '../kit/index.js'
import { printable } from '../printable.js'
import { CACHE_DIR } from './blob-part.js'

export const blobVerify = defineCommand({
  name: 'blob verify',
  group: 'Other',
  summary: 'Read every byte and tell what it is; exit code 1 when one is not what was written',
  positionals: { dir: CACHE_DIR },
  json: 'object',
  onInterrupt: 'end',
  async run({ dir }, context) {
    const check = await checkCache(dir, (ledger) => {
      if (!context.isJson) context.print(fileText(ledger))
    })
    const { files, bytes, problemCount } = check
    context.result(check, () => {
      return `${countText(bytes)} bytes in ${countText(files.length)} files: ${outcome(problemCount)}\n`
    })
    return problemCount === 0 ? EXIT_OK : EXIT_ERROR
  },
})

function outcome(problemCount: number): string {
  if (problemCount === 0) return 'each is what was written, or does not count'
  return problemCount === 1 ? '1 problem' : `${countText(problemCount)} problems`
}

function fileText(ledger: FileLedger): string {
  const { file, kind, bytes, headerBytes, contentBytes, contentCount, footerBytes, unfinishedBytes, badBytes } = ledger
  const what = { catalog: 'groups', segment: 'records', index: 'items', leftover: '' }[kind]
  const parts = [
    ['header', headerBytes], [`${countText(contentCount)} ${what}`, contentBytes], ['footer', footerBytes],
    ['does not count', unfinishedBytes], ['bad', badBytes],
  ] as const
  const shown = parts.filter(([, count]) => count > 0).map(([name, count]) => `${name} ${countText(count)}`).join(', ')
  const lines = [`${file}: ${countText(bytes)} bytes${kind === 'leftover' ? ' that nothing lists' : `: ${shown}`}`]
  for (const problem of ledger.problems) lines.push(`  ! ${printable(problem)}`)
  return `${lines.join('\n')}\n`
}
