/**
 * What: `varve put`: stores a value under a key.
 */
import { EXIT_OK, UsageError } from '../command.js'
import { BESIDE_A_WRITER } from '../data/beside-a-writer.js'
import {
  bytesField, bytesWord, defineCommand, DIR, durationOption, optionalBytesWord, withWriter,
} from '../kit/index.js'

export const putCommand = defineCommand({
  name: 'put',
  group: 'Write',
  summary: 'Store a value under a key',
  positionals: {
    dir: DIR,
    key: bytesWord('KEY', 'a key', 'the key; behind -- when it begins with a dash'),
    value: optionalBytesWord('VALUE', 'a value', 'the value; without it, the bytes of standard input'),
  },
  options: { ttl: durationOption('TIME', 'the value expires after 90s, 5m, 2h or 7d') },
  details: [
    'Standard input is stored as it is, byte for byte: varve put DIR photo < photo.jpg. When the command has ended,',
    'the value survives power loss.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  run({ dir, key, value, ttl }, context) {
    const { terminal, signal } = context
    if (value === undefined && terminal.screen !== null) throw new UsageError('put needs a value')
    return withWriter(dir, BESIDE_A_WRITER, async (db) => {
      const options = { sync: true, ...(ttl === undefined ? {} : { ttl: Math.max(1, Math.round(ttl)) }) }
      if (value !== undefined) await db.put(key, value, options)
      else await db.putStream(key, terminal.input as AsyncIterable<Uint8Array>, { ...options, signal })
      context.result(bytesField('k', key), () => '')
      return EXIT_OK
    })
  },
})
