/** A strict reader of Prometheus' text format 0.0.4: what it does not take, no scraper has to take either. */
import assert from 'node:assert/strict'

interface ReadSample { name: string; labels: Record<string, string>; value: number }
export interface ReadFamily { name: string; type: string; help: string; samples: ReadSample[] }

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*(?==")/y
const TEXT = /"((?:[^"\\\n]|\\[\\"n])*)"/y
const NUMBER = /^(?:[+-]Inf|NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/
/** The ends that names of samples may have, by the type of their family. */
const SUFFIXES: Record<string, string[]> = { counter: [''], gauge: [''], summary: ['', '_sum', '_count'] }

/** Reads a text. Throws for everything that the format does not allow, and for what its conventions advise against. */
export function readPrometheus(text: string): Map<string, ReadFamily> {
  assert.ok(text.endsWith('\n'), 'the last line ends')
  const families = new Map<string, ReadFamily>()
  const series = new Set<string>()
  let family: ReadFamily | null = null
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (kind === 'HELP') {
      assert.ok(!families.has(name!), `${name} has its samples together`)
      assert.ok(!/\\(?![\\n])/.test(rest!), `help is escaped: ${line}`)
      family = { name: name!, help: rest!, type: '', samples: [] }
      families.set(name!, family)
    } else if (kind === 'TYPE') {
      assert.ok(family !== null && family.name === name && family.type === '' && rest! in SUFFIXES, line)
      assert.equal(name!.endsWith('_total'), rest === 'counter', `_total is for counters: ${line}`)
      family.type = rest!
    } else {
      assert.ok(family !== null && family.type !== '', `a sample stands behind HELP and TYPE: ${line}`)
      const sample = readSample(line)
      const suffix = sample.name.slice(family.name.length)
      assert.ok(sample.name.startsWith(family.name) && SUFFIXES[family.type]!.includes(suffix), line)
      assert.equal('quantile' in sample.labels, family.type === 'summary' && suffix === '', line)
      if (family.type === 'counter' || suffix !== '') assert.ok(sample.value >= 0, `a count is not negative: ${line}`)
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
      assert.ok(!series.has(key), `each series is there once: ${line}`)
      series.add(key)
      family.samples.push(sample)
    }
  }
  for (const { name, type, samples } of families.values()) assert.ok(type !== '' && samples.length > 0, name)
  return families
}

function readSample(line: string): ReadSample {
  let at = 0
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const match = pattern.exec(line)
    assert.ok(match !== null, `${pattern} at ${at} of ${line}`)
    at = pattern.lastIndex
    return match[1] ?? match[0]
  }
  const name = take(NAME)
  const labels: Record<string, string> = {}
  if (line[at] === '{') {
    do {
      at++
      const label = take(LABEL)
      assert.ok(!(label in labels) && !label.startsWith('__'), line)
      take(/=/y)
      labels[label] = take(TEXT).replace(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign))
    } while (line[at] === ',')
    take(/\}/y)
  }
  take(/ /y)
  const value = line.slice(at)
  assert.match(value, NUMBER)
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) }
}
