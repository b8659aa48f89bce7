/**
 * The files of the page as they are: markup is never set, all of them are small, and every colour can be seen in both
 * modes, by the ratios of WCAG: 4.5 for texts, 3 for what is drawn.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const dir = new URL('../../../src/inspector/page/', import.meta.url)
const files = readdirSync(dir).map((name) => ({ name, text: readFileSync(new URL(name, dir), 'utf8') }))

test('the page sets texts, and never markup', () => {
  const banned = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc/
  for (const { name, text } of files) {
    assert.doesNotMatch(text, banned, name)
    if (name.endsWith('.html')) assert.doesNotMatch(text, /\son\w+=|style=|<script(?! type="module" src=)/, name)
    if (name.endsWith('.js')) assert.match(text, /^\/\/ @ts-check\n/, name)
  }
})

test('the page is small', () => {
  const bytes = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  const lines = files.reduce((sum, { text }) => sum + text.split('\n').length, 0)
  assert.ok(bytes <= 44_500, `${bytes} bytes`)
  assert.ok(lines <= 1100, `${lines} lines`)
})

test('a number of bytes is never 1,024 of a unit', async () => {
  const { bytes } = await import(new URL('dom.js', dir).href) as { bytes(n: number): string }
  assert.deepEqual([0, 1023, 1024, 2 ** 20 - 1, 2 ** 20, 1023.4 * 2 ** 20, 2 ** 30 - 1, 2 ** 50].map(bytes),
    ['0 B', '1,023 B', '1.0 KiB', '1.0 MiB', '1.0 MiB', '1,023 MiB', '1.0 GiB', '1,024 TiB'])
})

test('every colour can be seen on what lies behind it, in both modes', () => {
  const style = files.find(({ name }) => name === 'style.css')!.text
  const [light, dark] = [...style.matchAll(/:root \{([^}]*)\}/g)].map(([, rules]) =>
    Object.fromEntries([...rules!.matchAll(/(--\w+): (#\w+)/g)].map(([, name, color]) => [name!, color!])))
  for (const [mode, colors] of [['light', light!], ['dark', { ...light!, ...dark! }]] as const) {
    const check = (names: readonly string[], behind: readonly string[], least: number): void => {
      for (const name of names) {
        for (const back of behind) {
          const ratio = contrast(colors[`--${name}`]!, colors[`--${back}`]!)
          assert.ok(ratio >= least, `${mode}: ${name} on ${back} has ${ratio.toFixed(2)}`)
        }
      }
    }
    check(['text', 'soft'], ['bg', 'panel', 'hover'], 4.5)
    check(['accent', 'good', 'warn', 'bad'], ['bg', 'panel'], 4.5)
    check(['l0', 'l1', 'l2', 'l3', 'l4', 'l5', 'l6', 'fill', 'free'], ['panel'], 3)
  }
})

function contrast(one: string, two: string): number {
  const [high, low] = [luminance(one), luminance(two)].sort((a, b) => b - a) as [number, number]
  return (high + 0.05) / (low + 0.05)
}

function luminance(color: string): number {
  const digits = color.length === 4 ? color.replace(/[^#]/g, '$&$&') : color
  const parts = [1, 3, 5].map((at) => parseInt(digits.slice(at, at + 2), 16) / 255)
  const [r, g, b] = parts.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}
