// @ts-check
// The mutants that name a text of a source find it: a redraw that moves the text must take them along.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderMutants } from './mutation-sites.mjs'
import { readSourceTree } from './source-tree.mjs'

test('each pair of lines in an order that matters is there', () => {
  const tree = readSourceTree()
  for (const { file, text, what } of orderMutants(tree)) assert.notEqual(text, tree.get(file)?.text, what)
})
