// @ts-check
// An editor shows whole sentences about every public name.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ENTRIES, publicNames } from './public-names.mjs'

/** A comment of whole sentences; an example may end it. */
const SENTENCES = /^[A-Z].*([^.]\.|```)$/

describe('a public name', () => {
  for (const entry of ENTRIES) {
    it(`of ${entry} is explained in whole sentences`, () => {
      const names = publicNames(entry)
      assert.ok(names.length > 10)
      const wrong = names.filter(({ comment }) => !SENTENCES.test(comment))
      assert.deepEqual(wrong.map(({ name, comment }) => `${name}: ${comment}`), [])
    })
  }
})
