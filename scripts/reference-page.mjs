// @ts-check
// docs/reference.md: every public name with what it means, from the comments that editors show. What a name looks like
// stands in docs/api.md; what statistics mean in docs/stats.md, so these are only named here.
import { ENTRIES, publicNames } from './public-names.mjs'

export const REFERENCE_PAGE = 'docs/reference.md'

const HEAD = `# Reference

Every name that programs can import, with what it means, its units, limits and errors: the comments that an editor shows. The
declarations stand in [api.md](api.md). \`npm run docs\` writes this page anew, and a test compares it.
`

/** Names that docs/stats.md explains. */
const STATISTICS = /(Stats|^EngineEvent)$/

/** @returns {string} */
export function referencePage() {
  const sections = ENTRIES.map((entry) => {
    const parts = groupsOf(entry).map(({ name, comment, members }) => {
      if (STATISTICS.test(name)) return `### ${name}\n\n${comment} Its fields: [stats.md](stats.md).\n`
      const rows = members.map((member) => `| \`${member.name.slice(name.length + 1)}\` | ${cell(member.comment)} |\n`)
      return `### ${name}\n\n${comment}\n${rows.length === 0 ? '' : `\n| | |\n|---|---|\n${rows.join('')}`}`
    })
    const list = ENTRIES.map((each) => (each === entry ? `**\`${each}\`**` : `[\`${each}\`](#${each.replace(/[^\w-]/g, '')})`))
    return `## \`${entry}\`\n\n${list.join(' · ')}\n\n${parts.join('\n')}`
  })
  return [HEAD, ...sections].join('\n')
}

/** @param {string} comment */
const cell = (comment) => comment.replaceAll('|', '\\|')

/** The exported names of an entry point, in the order of the alphabet, each with its members. @param {string} entry */
function groupsOf(entry) {
  /** @typedef {{ name: string, comment: string, members: import('./public-names.mjs').PublicName[] }} Group */
  /** @type {Map<string, Group>} */
  const groups = new Map()
  let top = ''
  for (const each of publicNames(entry)) {
    if (!each.isMember) top = each.name
    const group = groups.get(top) ?? { name: top, comment: each.comment, members: [] }
    groups.set(top, group)
    // Overloads of a call are told once.
    if (each.isMember && !group.members.some(({ name }) => name === each.name)) group.members.push(each)
  }
  return [...groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
