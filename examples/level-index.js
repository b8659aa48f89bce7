// A secondary index that cannot differ from its data: a prewrite hook adds the index entries to the same
// atomic batch. node examples/level-index.js [directory]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { VarveLevel } from 'varve/level'

const location = process.argv[2] ?? mkdtempSync(path.join(tmpdir(), 'varve-index-'))
const db = new VarveLevel(location)
const people = db.sublevel('people', { valueEncoding: 'json' })
const byCity = db.sublevel('by-city')

const indexKey = (id, { city }) => `${city}\0${id}`

// Runs inside each write to `people`, synchronously. An entry that is replaced leaves its old place in the
// index; getSync looks it up without leaving the call.
people.hooks.prewrite.add((operation, batch) => {
  const before = people.getSync(operation.key)
  if (before !== undefined) batch.add({ type: 'del', key: indexKey(operation.key, before), sublevel: byCity })
  if (operation.type === 'put') {
    batch.add({ type: 'put', key: indexKey(operation.key, operation.value), value: '', sublevel: byCity })
  }
})

async function livingIn(city) {
  const found = await byCity.keys({ gt: `${city}\0`, lt: `${city}\x01` }).all()
  return people.getMany(found.map((key) => key.slice(city.length + 1)))
}

const names = async (city) => (await livingIn(city)).map(({ name }) => name).join(', ') || 'nobody'

await db.open()
await people.put('1', { name: 'Ada', city: 'London' })
await people.batch([
  { type: 'put', key: '2', value: { name: 'Emmy', city: 'Göttingen' } },
  { type: 'put', key: '3', value: { name: 'Alan', city: 'London' } },
])
console.log('London:', await names('London'))
await people.put('1', { name: 'Ada', city: 'Paris' })
await people.del('2')
console.log('London:', await names('London'))
console.log('Paris:', await names('Paris'))
console.log('Göttingen:', await names('Göttingen'))
console.log('index entries:', (await byCity.keys().all()).length)

await db.close()
if (process.argv[2] === undefined) rmSync(location, { recursive: true })
