/**
 * What: what the simulator tells of each kind of writes, as a text that is compared: a change of the picker
 * shows what it costs, and where.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WORKLOADS } from '../../bench/simulation/simulated-writes.js'
import { simulationText } from '../../bench/simulation/simulation-report.js'
import { simulate } from '../../bench/simulation/simulator.js'
import type { SimulationOptions } from '../../bench/simulation/simulator.js'
import { KiB, MiB } from '../../src/base/index.js'
import { COMPACTION_STYLES, defaultCompactionSettings } from '../../src/pick/index.js'
import { assertGolden } from '../support/harness/golden.js'

const options: Omit<SimulationOptions, 'workload'> = {
  settings: defaultCompactionSettings(4 * MiB), handleShare: 0, ratio: 1,
  dataBytes: 160 * MiB, writeBufferBytes: 4 * MiB, entryBytes: 16 * KiB, tombstoneShare: 0.2,
  speed: 4, workers: 2, level0TablesMax: 24, isQuietAtEnd: true, seed: 1,
}

const STYLE_WORKLOADS = ['fill', 'sequential', 'overwrite', 'queue', 'delete', 'snapshot'] as const

test('packed tables cost their part of the bytes', () => {
  const plain = simulate({ ...options, workload: 'fill' })
  const packed = simulate({ ...options, workload: 'fill', ratio: 2 })
  assert.ok(packed.flush.bytes * 2 === plain.flush.bytes && packed.writeAmplification < plain.writeAmplification * 0.6)
  assert.equal(packed.spaceAmplification.end, 0.5)
  assert.match(simulationText({ ...options, workload: 'fill', ratio: 2 }, packed), /packed, ratio 2\.00/)
})

test('what the leveled picker costs', () => {
  const all = WORKLOADS.map((workload) => ({ ...options, workload }))
  assertGolden('simulation.txt', all.map((each) => simulationText(each, simulate(each))).join('\n'))
})

test('what the other styles cost', () => {
  const styles = COMPACTION_STYLES.filter((style) => style !== 'leveled')
  const all = styles.flatMap((style) => STYLE_WORKLOADS.map((workload) => {
    const maxBytes = style === 'fifo' ? 80 * MiB : Infinity
    return { ...options, workload, settings: { ...defaultCompactionSettings(4 * MiB, style), maxBytes } }
  }))
  assertGolden('simulation-styles.txt', all.map((each) => simulationText(each, simulate(each))).join('\n'))
})
