// @ts-check
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { moduleFile, moduleText } from './assemble-lz4.mjs'
import { assemble } from './wasm-text.mjs'

test('src/codec/lz4-module.ts is what src/codec/lz4.wat says', () => {
  assert.equal(readFileSync(moduleFile, 'utf8'), moduleText(), '`npm run assemble` makes it anew')
})

test('functions, branches, large constants and names come out as the text says', () => {
  const text = `(module ;; a comment
    (memory (export "memory") 1)
    (func $twice (param $a i32) (result i32) (i32.add (local.get $a) (local.get $a)))
    (func $run (export "run") (param $n i32) (result i32) (local $sum i32)
      (block $done
        (loop $next
          (br_if $done (i32.eqz (local.get $n)))
          (if (i32.lt_u (local.get $n) (i32.const 3))
            (then (local.set $sum (i32.add (local.get $sum) (call $twice (i32.const -70000)))))
            (else (local.set $sum (i32.add (local.get $sum) (i32.const 1)))))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $next)))
      (local.get $sum)))`
  const { WebAssembly } = /** @type {any} */ (globalThis)
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble(text)))
  const run = /** @type {(n: number) => number} */ (exports['run'])
  assert.equal(run(5), 3 - 2 * 140_000)
})

test('what it does not know is an error', () => {
  const wrong = [
    '(module', '(module))', 'module', '(module) (module)', '(module (table 1))', '(module (func $f (i32.rotl)))',
    '(module (func $f (br $none)))', '(module (func $f (local.get $none)))', '(module (func $f (param $a f32)))',
    '(module (func $f (if (i32.const 1) (i32.const 2))))', '(module (func $f (i32.const 1.5)))',
  ]
  for (const text of wrong) assert.throws(() => assemble(text), Error, text)
})
