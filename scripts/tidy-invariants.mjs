// @ts-check
// Invariants have numbers (WAL-1). Each number in the code stands in docs/invariants.md, and each
// number there is named in at least one test, or in the title of a case of test/data.

/** @typedef {import('./source-tree.mjs').SourceTree} SourceTree */
/** @typedef {import('./source-tree.mjs').Problem} Problem */

const PAGE = 'docs/invariants.md'

/**
 * @param {SourceTree} tree
 * @param {string | undefined} page  its text; without the page nothing is asked
 * @param {Record<string, string>} cases  texts of test/data by path
 * @returns {Problem[]}
 */
export function checkInvariants(tree, page, cases = {}) {
  if (page === undefined) return []
  const defined = definedIds(page)
  const prefixes = new Set([...defined.keys()].map((id) => id.slice(0, id.lastIndexOf('-'))))
  /** @type {Problem[]} */
  const problems = []
  /** @type {Set<string>} */
  const tested = new Set()
  const titles = Object.entries(cases).map(([file, text]) =>
    ({ file, lines: text.split('\n').map((line) => (line.startsWith('#') ? line : '')), isTest: true }))
  for (const { file, lines, isTest } of [...tree.values(), ...titles]) {
    for (const [at, line] of lines.entries()) {
      const isList = /^\s*\*\s+Invariants:/.test(line)
      for (const id of idsIn(line)) {
        if (isTest) tested.add(id)
        const isOurs = isList || prefixes.has(id.slice(0, id.lastIndexOf('-')))
        if (isOurs && !defined.has(id)) {
          problems.push({ file, line: at + 1, rule: 'invariant', text: `${id} is not in ${PAGE}` })
        }
      }
    }
  }
  for (const [id, line] of defined) {
    if (!tested.has(id)) problems.push({ file: PAGE, line, rule: 'invariant', text: `${id} is named in no test` })
  }
  return problems
}

/** Finds the numbers in a line, also in the short form `WAL-1, 2, 5` and the range `WAL-1–4`. */
/** @param {string} line @returns {string[]} */
function idsIn(line) {
  return [...line.matchAll(/\b([A-Z][A-Z0-9]+)-(\d+)((?:(?:, |–)\d+\b)*)/g)].flatMap(([, prefix, first, rest]) => {
    const numbers = [Number(first)]
    for (const [, sign, digits] of rest.matchAll(/(, |–)(\d+)/g)) {
      const from = sign === '–' ? /** @type {number} */ (numbers.at(-1)) + 1 : Number(digits)
      for (let n = from; n <= Number(digits); n++) numbers.push(n)
    }
    return numbers.map((n) => `${prefix}-${n}`)
  })
}

/**
 * Finds the lines that define invariants: their number opens a heading, a list item, a table row or a line.
 * @param {string} page
 * @returns {Map<string, number>} id → line
 */
function definedIds(page) {
  const ids = new Map()
  for (const [at, line] of page.split('\n').entries()) {
    const found = /^(?:#+ +|[-*] +|\| *)?(?:\*\*|`)?([A-Z][A-Z0-9]+-\d+)\b/.exec(line)
    if (found !== null && !ids.has(found[1])) ids.set(found[1], at + 1)
  }
  return ids
}
