// Drafts of notes under unstorage, which lives in memory in tests and on disk here; only the driver differs. Since a
// cache may forget what nobody reads, notes that are done belong into a database. node examples/unstorage-notes.js
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createStorage } from 'unstorage'
import memoryDriver from 'unstorage/drivers/memory'
import { varveDriver } from 'varve/unstorage'

async function writeNotes(storage) {
  await storage.setItem('drafts:monday', { title: 'Plan', lines: 2 })
  await storage.setItem('drafts:tuesday', { title: 'Plan, again', lines: 3 })
  await storage.setItemRaw('pictures:monday', new Uint8Array([1, 2, 3]))
  await storage.removeItem('drafts:monday')
  return (await storage.getKeys()).sort().join(' ')
}

const directory = mkdtempSync(path.join(tmpdir(), 'varve-notes-'))
const location = path.join(directory, 'notes')
const onDisk = () => createStorage({ driver: varveDriver({ location, maxBytes: 64 * 1024 * 1024 }) })

console.log('in memory:', await writeNotes(createStorage({ driver: memoryDriver() })))
const first = onDisk()
console.log('on disk:', await writeNotes(first))
await first.dispose()

const second = onDisk()
console.log('after a restart:', await second.getItem('drafts:tuesday'))
await second.setItem('drafts:today', 'soon gone', { ttl: 0.02 })
await new Promise((resolve) => setTimeout(resolve, 40))
console.log('expired:', await second.getItem('drafts:today'))
await second.clear()
console.log('left:', await second.getKeys())
await second.dispose()
rmSync(directory, { recursive: true })
