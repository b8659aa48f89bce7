// A secondary index that cannot differ from its data: both are written in the same atomic batch.
// node examples/secondary-index.js [directory]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Varve } from 'varve'

const location = process.argv[2] ?? mkdtempSync(path.join(tmpdir(), 'varve-index-'))
const db = await Varve.open(location)
const people = db.view({ key: 'utf8', value: 'json', prefix: 'people:' })
const byCity = db.view({ key: 'utf8', value: 'utf8', prefix: 'by-city:' }) // city and id → id

const indexKey = (id, { city }) => `${city}\0${id}`

// Reads and writes in one synchronous step, so that nothing comes between. Without a person it deletes.
function write(id, person) {
  const before = people.getSync(id)
  db.batchSync([
    ...(before === undefined ? [] : [people.delOp(id), byCity.delOp(indexKey(id, before))]),
    ...(person === undefined ? [] : [people.putOp(id, person), byCity.putOp(indexKey(id, person), id)]),
  ])
}

const livingIn = (city) => people.getManySync([...byCity.valuesSync({ prefix: `${city}\0` })])
const names = (city) => livingIn(city).map(({ name }) => name).join(', ') || 'nobody'

write('1', { name: 'Ada', city: 'London' })
write('2', { name: 'Emmy', city: 'Göttingen' })
write('3', { name: 'Alan', city: 'London' })
console.log('London:', names('London'))
write('1', { name: 'Ada', city: 'Paris' })
write('2', undefined)
console.log('London:', names('London'))
console.log('Paris:', names('Paris'))
console.log('Göttingen:', names('Göttingen'))
console.log('index entries:', [...byCity.keysSync()].length)

await db.close()
if (process.argv[2] === undefined) rmSync(location, { recursive: true })
