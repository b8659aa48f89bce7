/**
 * Manifest and marker on the simulated disk: power loss after every effect under every policy, a
 * killed process whose successor meets the power loss, and every call failing once. What a reopen
 * finds is always a version that was written, never older than what a finished append promised.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { VarveError, manifestFileName, runSync } from '../../src/base/index.js'
import { holdsData, moveMarker, readMarker } from '../../src/directory/index.js'
import {
  applyEdits, createManifest, emptyVersion, findObsoleteFiles, highestFileNum, readManifest,
} from '../../src/manifest/index.js'
import type { ManifestLog, Version } from '../../src/manifest/index.js'
import { FileSystemError, SimVfs, survivalPolicies } from '../../src/testing.js'
import type { SimOptions } from '../../src/testing.js'
import { sampleBase, sampleGroups, sampleOptions } from '../support/samples/manifest-samples.js'

/** What a database that nobody has finished creating looks like. */
const NOTHING = -1

/** Versions by how much was written: 0 is the base. One group spans several sectors. */
const groups = [...sampleGroups, [{ settings: 's'.repeat(1200) }], [{ logPointer: 30 }]]
const versions = groups.reduce<Version[]>(
  (all, group) => [...all, applyEdits(all.at(-1)!, group)],
  [applyEdits(emptyVersion, [{ nextFileNum: 10, logPointer: 8, lineage: sampleBase.lineage }])],
)

/** The index of the version that a reopen finds; throws when there is none that was written. */
function found(vfs: SimVfs): number {
  const names = vfs.listSync('/').includes('db') ? vfs.listSync('/db') : []
  const marker = readMarker(names)
  if (marker === null) {
    assert.equal(holdsData(names), false)
    return NOTHING
  }
  const { version } = runSync(readManifest(vfs, '/db', marker.manifest))
  const index = versions.findIndex((it) => isDeepStrictEqual(it, version))
  assert.notEqual(index, -1, 'the version was never written')
  return index
}

/** Between what is promised and what may be there already. */
class Progress {
  promised = NOTHING
  attempted = NOTHING

  check(vfs: SimVfs, what: string): number {
    try {
      const index = found(vfs)
      assert.ok(index >= this.promised && index <= this.attempted, `found ${index}`)
      return index
    } catch (error) {
      const range = `${this.promised} to ${this.attempted}`
      throw new Error(`${what}: expected ${range}: ${(error as Error).message}`, { cause: error })
    }
  }
}

function unlinkObsolete(vfs: SimVfs, version: Version): void {
  const names = vfs.listSync('/db')
  const marker = readMarker(names)!
  const obsolete = findObsoleteFiles({ names, versions: [version], marker, inUse: new Set() })
  for (const name of [...obsolete.manifests, ...obsolete.markers]) vfs.unlinkSync(`/db/${name}`)
}

function append(log: ManifestLog, progress: Progress, index: number): void {
  progress.attempted = index
  runSync(log.append(groups[index - 1]!))
  progress.promised = index
}

/** Creates a database, appends, rolls the manifest, appends again, closes. */
function scenario(vfs: SimVfs, progress: Progress): void {
  vfs.mkdirSync('/db')
  vfs.syncDirSync('/')
  progress.attempted = 0
  let log = runSync(createManifest(vfs, '/db', sampleOptions(1), versions[0]!))
  runSync(moveMarker(vfs, '/db', 1))
  progress.promised = 0
  const roll = groups.length - 3
  for (let index = 1; index <= roll; index++) append(log, progress, index)
  const next = runSync(createManifest(vfs, '/db', sampleOptions(40), versions[roll]!))
  runSync(moveMarker(vfs, '/db', 40))
  runSync(log.close())
  log = next
  unlinkObsolete(vfs, versions[roll]!)
  for (let index = roll + 1; index <= groups.length; index++) append(log, progress, index)
  runSync(log.closeClean())
}

const disks: SimOptions[] = [
  { seed: 1 },
  { seed: 2, sectorBytes: 4096, staleChance: 0.5 },
  { seed: 3, tornSector: true, staleChance: 0.5 },
]
for (const disk of disks) {
  test(`M09, M11: power loss after every effect, ${JSON.stringify(disk)}`, () => {
    const vfs = new SimVfs(disk)
    const progress = new Progress()
    let crashes = 0
    vfs.onEffect = (index, description) => {
      for (const policy of survivalPolicies) {
        for (let seed = index; seed < index + 3; seed++) {
          progress.check(vfs.clone(policy, seed), `${index} ${description}, ${policy} ${seed}`)
          crashes++
        }
      }
    }
    scenario(vfs, progress)
    assert.equal(progress.promised, groups.length)
    assert.ok(crashes > 1200, `${crashes} crashes`)
  })
}

const laterPolicies = ['none', 'all', 'namesOnly', 'dataOnly', 'reverse', 'random50'] as const

/** What an open does: takes what it finds, whether synced or not, and makes it the new truth. */
function recover(vfs: SimVfs, progress: Progress): void {
  const index = found(vfs)
  progress.attempted = Math.max(index, 0)
  if (!vfs.listSync('/').includes('db')) vfs.mkdirSync('/db')
  vfs.syncDirSync('/')
  const fileNum = Math.max(50, highestFileNum(vfs.listSync('/db')) + 1)
  const version = versions[progress.attempted]!
  const log = runSync(createManifest(vfs, '/db', sampleOptions(fileNum), version))
  runSync(moveMarker(vfs, '/db', fileNum))
  progress.promised = progress.attempted
  unlinkObsolete(vfs, version)
  assert.ok(vfs.listSync('/db').includes(manifestFileName(fileNum)))
  runSync(log.closeClean())
}

test('H1, M04: killed after every effect, recovered, power loss after every effect of that', () => {
  const vfs = new SimVfs({ seed: 4 })
  const progress = new Progress()
  let crashes = 0
  vfs.onEffect = (index, description) => {
    const killed = vfs.cloneKilled(index)
    const again = new Progress()
    again.promised = progress.promised
    again.attempted = progress.attempted
    killed.onEffect = (later, what) => {
      for (const policy of laterPolicies) {
        const place = `killed at ${index} ${description}, then ${later} ${what}, ${policy}`
        again.check(killed.clone(policy, later), place)
        crashes++
      }
    }
    recover(killed, again)
  }
  scenario(vfs, progress)
  assert.ok(crashes > 1500, `${crashes} crashes`)
})

/** Runs the scenario until it fails, in Varve or in a call of the scenario itself (null). */
function failingScenario(vfs: SimVfs, progress: Progress): VarveError | null {
  try {
    scenario(vfs, progress)
    return null
  } catch (error) {
    if (VarveError.is(error)) return error
    if (!(error instanceof FileSystemError)) throw error
    return null
  }
}

function callCount(): number {
  const vfs = new SimVfs({ seed: 5 })
  scenario(vfs, new Progress())
  return vfs.opCount
}

test('every call fails once, before or after its effect, then the power goes', () => {
  for (let op = 1; op <= callCount(); op++) {
    for (const when of ['before', 'after'] as const) {
      const vfs = new SimVfs({ seed: 5 })
      vfs.addFault({ fault: { do: 'error', code: 'EIO', when }, op })
      const progress = new Progress()
      const error = failingScenario(vfs, progress)
      const codes = ['COMMIT_UNKNOWN', 'IO_ERROR']
      if (error !== null) assert.ok(codes.includes(error.code), `call ${op}: ${error.message}`)
      assert.deepEqual(vfs.violations, [])
      for (const policy of survivalPolicies) {
        progress.check(vfs.clone(policy, op), `call ${op} failed ${when} its effect, ${policy}`)
      }
      progress.check(vfs.cloneKilled(op), `call ${op} failed ${when} its effect, killed`)
    }
  }
})

test('M03: every sync fails once in every way, then the power goes', () => {
  for (const mode of ['benign', 'lostClean', 'revert'] as const) {
    for (let nth = 1; nth <= 16; nth++) {
      const vfs = new SimVfs({ seed: 6 })
      const fault = vfs.addFault({ fault: { do: 'failSync', mode }, kind: 'sync', nth })
      const progress = new Progress()
      const error = failingScenario(vfs, progress)
      if (fault.hitCount > 0) assert.notEqual(error, null)
      assert.deepEqual(vfs.violations, [])
      for (const policy of survivalPolicies) {
        progress.check(vfs.clone(policy, nth), `sync ${nth} failed as ${mode}, ${policy}`)
      }
    }
  }
})

test('M10: a full disk fails the append, and the manifest before it still opens', () => {
  for (let capacityBytes = 100; capacityBytes < 6000; capacityBytes += 97) {
    const vfs = new SimVfs({ seed: 7, capacityBytes })
    const progress = new Progress()
    const error = failingScenario(vfs, progress)
    const codes = ['COMMIT_UNKNOWN', 'NO_SPACE']
    if (error !== null) assert.ok(codes.includes(error.code), error.message)
    assert.deepEqual(vfs.violations, [])
    progress.check(vfs.clone('none', 1), `capacity ${capacityBytes}`)
    progress.check(vfs.clone('all', 1), `capacity ${capacityBytes}`)
  }
})
