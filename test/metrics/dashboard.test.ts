/** Every query of the dashboard, of the alerts and of the guide asks for metrics and labels that there are. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { formatPrometheus, Varve } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { packageDir } from '../support/harness/golden.js'
import { groupingsIn, labelsInText, selectorsIn } from '../support/text/promql-names.js'
import { readPrometheus } from '../support/text/prometheus-text.js'

const read = (name: string): string => readFileSync(path.join(packageDir, name), 'utf8')

const db = await Varve.open('/db', { components: { vfs: new MemoryVfs() } })
const families = readPrometheus(formatPrometheus(db.stats()))
await db.close()
/** The values of each label of each name that samples have. */
const known = new Map<string, Map<string, Set<string>>>()
for (const { samples } of families.values()) {
  for (const { name, labels } of samples) {
    const values = known.get(name) ?? new Map<string, Set<string>>()
    known.set(name, values)
    for (const [label, value] of Object.entries(labels)) {
      values.set(label, (values.get(label) ?? new Set()).add(value))
    }
  }
}

/** Says what a query asks for that there is not. */
function wrongIn(query: string): string[] {
  const wrong: string[] = []
  const labels = new Set<string>()
  const selectors = selectorsIn(query, 'varve_')
  if (selectors.length === 0) wrong.push('it asks for nothing')
  for (const { name, labels: wanted } of selectors) {
    const values = known.get(name)
    if (values === undefined) {
      wrong.push(`no metric ${name}`)
      continue
    }
    for (const label of values.keys()) labels.add(label)
    for (const { label, isPattern, value } of wanted) {
      const found = values.get(label)
      if (found === undefined) wrong.push(`${name} has no label ${label}`)
      else if (label !== 'database' && !value.startsWith('$')) {
        for (const each of isPattern ? value.split('|') : [value]) {
          if (!found.has(each)) wrong.push(`${name} has no ${label}="${each}"`)
        }
      }
    }
  }
  for (const label of groupingsIn(query)) if (!labels.has(label)) wrong.push(`no label ${label}`)
  return wrong
}

interface Panel {
  type: string
  title: string
  description?: string
  targets?: { expr: string; legendFormat: string }[]
}
const board = JSON.parse(read('docs/dashboards/varve.json')) as {
  panels: Panel[]; templating: { list: { query: string | { query: string } }[] }
}

test('the check finds what is not there', () => {
  assert.deepEqual(wrongIn('rate(varve_writes_total{database=~"$database"}[5m])'), [])
  assert.deepEqual(wrongIn('rate(varve_writes[5m])'), ['no metric varve_writes'])
  assert.deepEqual(wrongIn('varve_state{stat="OPEN"}'), ['varve_state has no label stat'])
  assert.deepEqual(wrongIn('varve_state{state="CLOSE"}'), ['varve_state has no state="CLOSE"'])
  assert.deepEqual(wrongIn('sum by (stage) (varve_writes_total)'), ['no label stage'])
  assert.deepEqual(wrongIn('up'), ['it asks for nothing'])
})

test('the dashboard asks for metrics and labels that there are', () => {
  const graphs = board.panels.filter(({ type }) => type !== 'row')
  assert.ok(graphs.length > 20)
  for (const { title, description, targets } of graphs) {
    assert.ok(description !== undefined && description.endsWith('.') && targets!.length > 0, title)
    for (const { expr, legendFormat } of targets!) {
      assert.deepEqual(wrongIn(expr), [], `${title}: ${expr}`)
      const selectors = selectorsIn(expr, 'varve_')
      assert.ok(selectors.every(({ labels }) => labels.some(({ label }) => label === 'database')), expr)
      const available = new Set(selectors.flatMap(({ name }) => [...known.get(name)!.keys()]))
      for (const label of labelsInText(legendFormat)) assert.ok(available.has(label), `${title}: {{${label}}}`)
    }
  }
  const [, database] = board.templating.list
  const { query } = database!.query as { query: string }
  assert.match(query, /^label_values\(varve_state, database\)$/)
})

test('so do the alerts, of which the guide tells each', () => {
  const rules = read('docs/dashboards/varve.rules.yml')
  const guide = read('docs/monitoring.md')
  const found = [...rules.matchAll(/- alert: (\w+)\n +expr: (.*)\n([\s\S]*?)(?=\n +- alert|$)/g)]
  assert.ok(found.length >= 8)
  for (const [, name, expr, rest] of found) {
    assert.deepEqual(wrongIn(expr!), [], name)
    for (const label of labelsInText(rest!)) assert.ok(['database', 'state'].includes(label), `${name}: ${label}`)
    assert.ok(guide.includes(`\`${name}\``), `docs/monitoring.md tells of ${name}`)
  }
})

test('and the queries of the guide', () => {
  const guide = read('docs/monitoring.md')
  const queries = [...guide.matchAll(/^```promql\n([\s\S]*?)^```/gm)].flatMap(([, text]) => text!.trim().split('\n'))
  assert.ok(queries.length > 3)
  for (const query of queries) assert.deepEqual(wrongIn(query), [], query)
  for (const [, name] of guide.matchAll(/`(varve_[a-z0-9_]+)`/g)) {
    assert.ok(known.has(name!) || families.has(name!), `${name} in docs/monitoring.md`)
  }
})
