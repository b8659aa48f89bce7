// @ts-check
// Links of the pages: to which files and headings they lead, and which of them lead nowhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './source-tree.mjs'

/** Every page of the project, as paths from its root. @returns {string[]} */
export function pages() {
  const docs = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => path.join('docs', name))
  const others = [...readdirSync(root), 'test/support/README.md']
  return [...others, ...docs].filter((name) => name.endsWith('.md')).sort()
}

/** Text in which code is not taken for headings or links. @param {string} text */
export function withoutBlocks(text) {
  return text.replace(/^```[\s\S]*?^```$/gm, '')
}

/** The anchors of a page, as GitHub makes them of headings. @param {string} text */
export function anchorsOf(text) {
  /** @type {Map<string, number>} */
  const counts = new Map()
  for (const [, title = ''] of withoutBlocks(text).matchAll(/^#{1,6} +(.*?) *$/gm)) {
    const shown = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    const slug = shown.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')
    const count = counts.get(slug) ?? 0
    counts.set(slug, count + 1)
    if (count > 0) counts.set(`${slug}-${count}`, 1)
  }
  return new Set(counts.keys())
}

/** The targets of the links and pictures in a text. @param {string} text */
export function linksIn(text) {
  const plain = withoutBlocks(text).replace(/(`+)(?:[^`\n]|\n(?!\n))*?\1/g, (code) => code.replace(/[[\]()]/g, ' '))
  return [...plain.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target)
}

/**
 * Says which links of a page lead nowhere. Addresses of the web are not looked at.
 * @param {string} page  its path from the root
 * @param {string} text
 */
export function deadLinks(page, text) {
  return linksIn(text).filter((link) => {
    if (/^[a-z]+:/.test(link)) return false
    const [name = '', anchor] = link.split('#')
    const file = path.join(root, path.dirname(page), name)
    if (name !== '' && !existsSync(file)) return true
    return anchor !== undefined && !anchorsOf(name === '' ? text : readFileSync(file, 'utf8')).has(anchor)
  }).map((link) => `${page}: ${link}`)
}
