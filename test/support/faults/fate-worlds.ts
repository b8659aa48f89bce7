/** Worlds for fate.ts: in memory, where a holder looks at the path first, and a real directory. */
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { MemoryVfs } from '../../../src/testing.js'
import { NodeVfs } from '../../../src/vfs/index.js'
import type { FateWorld } from './fate.js'

export function memoryWorld(): FateWorld {
  const vfs = new MemoryVfs()
  const empty = (place: string): void => {
    for (const name of vfs.listSync(place)) vfs.unlinkSync(vfs.join(place, name))
  }
  const contentOf = (place: string): string[] | null => {
    if (vfs.statSync(place) === null) return null
    const textOf = (name: string): string => Buffer.from(bytesOf(vfs, vfs.join(place, name))).toString('latin1')
    return vfs.listSync(place).sort().map((name) => `${name} ${textOf(name)}`)
  }
  return {
    vfs, root: '/', hasPlace: false, contentOf,
    removeTree: (place) => {
      empty(place)
      void vfs.rmdir(place)
    },
    emptyTree: empty,
    copyTree: (from, to) => {
      vfs.mkdirSync(to)
      for (const name of vfs.listSync(from)) {
        const file = vfs.openSync(vfs.join(to, name), 'create')
        const bytes = bytesOf(vfs, vfs.join(from, name))
        file.writeSync(bytes, 0, bytes.length, 0)
        file.closeSync()
      }
    },
    move: (from, to) => vfs.renameSync(from, to),
    makeEmpty: (place) => vfs.mkdirSync(place),
    removeLocks: () => undefined,
    leftOpen: () => 0,
  }
}

function bytesOf(vfs: MemoryVfs, place: string): Uint8Array {
  const file = vfs.openSync(place, 'read')
  const bytes = new Uint8Array(file.sizeSync())
  file.readSync(bytes, 0, bytes.length, 0)
  file.closeSync()
  return bytes
}

/** A directory in which syncs cost little. */
const FAST_PLACE = '/dev/shm'

export function newFateRoot(): string {
  const place = fs.existsSync(FAST_PLACE) ? FAST_PLACE : tmpdir()
  return fs.realpathSync(fs.mkdtempSync(path.join(place, 'varve-fate-')))
}

export function nodeWorld(root: string, usePlace: boolean): FateWorld {
  for (const name of fs.readdirSync(root)) fs.rmSync(path.join(root, name), { recursive: true })
  const isLock = (name: string): boolean => name.startsWith('varve.lock')
  return {
    vfs: new NodeVfs({ usePlace, useKernelLock: false }), root, hasPlace: usePlace,
    contentOf: (place) => {
      if (!fs.existsSync(place)) return null
      const textOf = (name: string): string => fs.readFileSync(path.join(place, name), 'latin1')
      return fs.readdirSync(place).sort().map((name) => `${name} ${textOf(name)}`)
    },
    removeTree: (place) => fs.rmSync(place, { recursive: true }),
    emptyTree: (place) => fs.readdirSync(place).forEach((name) => fs.rmSync(path.join(place, name))),
    copyTree: (from, to) => fs.cpSync(from, to, { recursive: true }),
    move: (from, to) => fs.renameSync(from, to),
    makeEmpty: (place) => fs.mkdirSync(place),
    removeLocks: (place) => {
      for (const name of fs.readdirSync(place)) if (isLock(name)) fs.rmSync(path.join(place, name))
    },
    leftOpen: () => fs.readdirSync('/proc/self/fd').length,
  }
}
