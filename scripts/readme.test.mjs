// @ts-check
// The README names every public member of the classes that programs work with, and nothing that is not there.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { it } from 'node:test'
import { publicNames } from './public-names.mjs'
import { root } from './source-tree.mjs'

/** Classes by their names in the README, where a member is not one of `db`. */
const CLASSES = new Map([['pins', 'Pins'], ['snapshot', 'Snapshot'], ['Varve', 'Varve'], ['VarveError', 'VarveError']])
/** Members that the README writes as a declaration. */
const DECLARED = new Map([
  ['await using db = …', 'Varve.[Symbol.asyncDispose]'], ['using snapshot = …', 'Snapshot.[Symbol.dispose]'],
])
/** Members that the README describes in words: those of an error under "Errors", `instanceof` below the table. */
const ELSEWHERE = /^VarveError\.(code|file|offset|hint|constructor|\[Symbol\.hasInstance\])$/

it('the README names every public call, and no other', () => {
  const text = readFileSync(path.join(root, 'README.md'), 'utf8')
  const rows = (text.split('\n## API\n')[1]?.split('\n### ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'))
  const named = rows.flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, span]) => {
    const [, owner, member] = /^(?:(\w+)\.)?(\w+)/.exec(span ?? '') ?? []
    return DECLARED.get(span ?? '') ?? `${owner === undefined ? 'Varve' : CLASSES.get(owner) ?? owner}.${member}`
  }))
  const members = publicNames('varve').filter(({ name, isMember }) => {
    return isMember && [...CLASSES.values()].some((each) => name === `${each}.${name.slice(each.length + 1)}`)
  })
  const wanted = [...new Set(members.map(({ name }) => name))].filter((name) => !ELSEWHERE.test(name))
  assert.ok(wanted.length > 30)
  // Of one name there may be a call about a directory and one of an open database.
  assert.deepEqual([...new Set(named)].sort(), wanted.sort())
  for (const field of ['code', 'file', 'offset', 'hint']) assert.match(text, new RegExp(`\`${field}\``))
})
