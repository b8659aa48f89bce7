/**
 * A real Prometheus scrapes a database at work, and answers every query of the dashboard; `promtool` checks the text
 * and the alerts. Skipped where they are not installed (Debian: `apt-get install prometheus`).
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatPrometheus, PROMETHEUS_CONTENT_TYPE, Varve } from '../../src/index.js'
import { packageDir } from '../support/harness/golden.js'

const isThere = (program: string): boolean => spawnSync(program, ['--version']).status === 0
const skip = isThere('prometheus') && isThere('promtool') ? false : 'prometheus is not installed'
const lab = mkdtempSync(path.join(tmpdir(), 'varve-prometheus-'))
after(() => rmSync(lab, { recursive: true, force: true }))
const rules = path.join(packageDir, 'docs/dashboards/varve.rules.yml')

interface Answer {
  status: string
  error?: string
  data: { result: unknown[]; activeTargets: { lastError: string; health: string }[] }
}

async function ask(port: number, request: string): Promise<Answer> {
  return (await fetch(`http://127.0.0.1:${port}/api/v1/${request}`)).json() as Promise<Answer>
}

/** A port that nobody had a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('promtool finds nothing to say of the text and of the alerts', { skip }, async () => {
  const db = await Varve.open(path.join(lab, 'checked'))
  await db.put('k', 'v')
  const text = formatPrometheus(db.stats(), { labels: { database: 'a "b"\\\n' } })
  await db.close()
  assert.equal(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' }), '')
  execFileSync('promtool', ['check', 'rules', rules], { stdio: 'pipe' })
})

test('Prometheus scrapes a database at work and answers each query of the dashboard', { skip }, async () => {
  const db = await Varve.open(path.join(lab, 'db'), { writeBufferSize: 256 * 1024 })
  const server = createServer((_request, response) => {
    response.setHeader('content-type', PROMETHEUS_CONTENT_TYPE)
    response.end(formatPrometheus(db.stats(), { labels: { database: 'orders' } }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port: target } = server.address() as AddressInfo
  const port = await freePort()
  writeFileSync(path.join(lab, 'prometheus.yml'), JSON.stringify({
    global: { scrape_interval: '1s', evaluation_interval: '1s' }, rule_files: [rules],
    scrape_configs: [{ job_name: 'varve', static_configs: [{ targets: [`127.0.0.1:${target}`] }] }],
  }))
  const prometheus = spawn('prometheus', [
    `--config.file=${path.join(lab, 'prometheus.yml')}`, `--storage.tsdb.path=${path.join(lab, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`, '--log.level=error',
  ], { stdio: 'ignore' })
  const exited = new Promise((resolve) => prometheus.once('exit', resolve))
  try {
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 2000; i++) db.putSync(`k${round % 3} ${i}`, new Uint8Array(200))
      for (let i = 0; i < 2000; i++) await db.get(`k0 ${i}`)
      await sleep(1000)
    }
    const { data: { activeTargets } } = await ask(port, 'targets')
    assert.deepEqual(activeTargets.map(({ health, lastError }) => [health, lastError]), [['up', '']])
    const board = JSON.parse(readFileSync(path.join(packageDir, 'docs/dashboards/varve.json'), 'utf8')) as {
      panels: { title: string; targets?: { expr: string }[] }[]
    }
    let answered = 0
    for (const { title, targets = [] } of board.panels) {
      for (const { expr } of targets) {
        const query = expr.replaceAll('$__rate_interval', '5s').replaceAll('$database', '.*')
        const answer = await ask(port, `query?query=${encodeURIComponent(query)}`)
        assert.equal(answer.status, 'success', `${title}: ${query}: ${answer.error}`)
        // A stall, and only that, may be absent.
        if (!expr.includes('varve_stall_active')) assert.ok(answer.data.result.length > 0, `${title}: ${query}`)
        answered++
      }
    }
    assert.ok(answered > 30)
    const { data: { result } } = await ask(port, `query?query=${encodeURIComponent('varve_write_entries_total')}`)
    assert.equal((result as { metric: { database: string } }[])[0]!.metric.database, 'orders')
  } finally {
    prometheus.kill()
    await exited
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await db.close()
  }
})
