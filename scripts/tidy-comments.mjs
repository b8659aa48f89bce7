// @ts-check
// A doc comment is read alone: in an editor's hover, in a search, in a page that is made of it. So it does not begin
// with a word that leans on the declaration before it, and it ends as a sentence does.

/** @typedef {import('./source-tree.mjs').Problem} Problem */

/** First words of a fragment: "Of a table: …", "As above", "So many", "Who only reads", "… or fewer". */
const FRAGMENT = /^(?:…|\.\.\.|(?:Of|As|The same|So|Who|Whom|To|For|By|Also|Then|Else|Until|Over|Asked|Told)\b)/

/** Ends of a sentence; code and parentheses may end it too. */
const END = /[.?!:`)]$/

/** A drawing or a list at the end of a comment, which is indented. */
const DRAWING = /^ *\* {3,}\S[^\n]*\n *$/m

/**
 * @param {Record<string, string>} texts  by path
 * @returns {Problem[]}
 */
export function checkComments(texts) {
  /** @type {Problem[]} */
  const problems = []
  for (const [file, text] of Object.entries(texts)) {
    for (const match of text.matchAll(/^[ \t]*\/\*\*(.*?)\*\//gms)) {
      const said = proseOf(/** @type {string} */ (match[1]))
      const line = text.slice(0, match.index).split('\n').length
      const add = (/** @type {string} */ what) => problems.push({ file, line, rule: 'comment', text: `${what}: ${said.slice(0, 60)}` })
      if (FRAGMENT.test(said)) add('a fragment')
      else if (said !== '' && !END.test(said) && !DRAWING.test(/** @type {string} */ (match[1]))) add('no end of a sentence')
    }
  }
  return problems
}

/** Gives the words of a comment before its first tag. @param {string} inside */
function proseOf(inside) {
  const words = inside.replace(/^[ \t]*\*[ \t]?/gm, '').replace(/\s+/g, ' ').trim()
  return words.replace(/(?:^| )@\w+.*$/, '')
}
