import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Tickets } from './tickets.js'

it('a ticket is old when a later call of its key came, and only then', () => {
  const tickets = new Tickets()
  const first = tickets.take(1, 2)
  const other = tickets.take(2, 1)
  assert.equal(first.isCurrent, true)
  const second = tickets.take(1, 2)
  assert.deepEqual([first.isCurrent, second.isCurrent, other.isCurrent], [false, true, true])
  tickets.passBy(1, 2)
  assert.equal(second.isCurrent, false)
  tickets.passBy(5, 5)
  first.release()
  const third = tickets.take(1, 2)
  assert.deepEqual([second.isCurrent, third.isCurrent, tickets.size], [false, true, 2])
  for (const ticket of [second, third, other]) ticket.release()
  assert.equal(tickets.size, 0)
})
