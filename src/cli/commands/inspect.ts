/**
 * What: `varve inspect`: prints the address of the inspector that the process has open which writes the database, or
 * shows what its files say.
 */
import { EXIT_OK } from '../command.js'
import { defineCommand, DIR, flag, numberOption, withReader } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'

const PORT_MAX = 65_535

export const inspectCommand = defineCommand({
  name: 'inspect',
  group: 'Look',
  summary: 'Show a database in a browser: pipeline, levels, events, history',
  positionals: { dir: DIR },
  options: {
    port: numberOption('N', 'the port to listen on; by default any that is free', { min: 1, max: PORT_MAX }),
    values: flag('also show bytes of values; only for a database that no process shows'),
    files: flag('only what the files say, also when the process that writes has an inspector open'),
  },
  details: [
    'A process that has called inspect(db) of varve/inspector is found, and its address is printed: it also knows what',
    'is going on. Without one the directory is read, once a second, until Ctrl-C; nothing is locked or changed. The',
    'address is good once, within a minute, and only on this machine.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, port, values, files: isFilesOnly }, context) {
    const { findInspector, inspect, Subject } = await import('../../inspector/index.js')
    const found = isFilesOnly ? null : await withReader(dir, (db) => findInspector(new Subject(db, false).databaseId))
    if (found !== null) {
      context.result({ url: found, isLive: true }, () => `${found}\n`)
      return EXIT_OK
    }
    const inspection = await inspect(dir, { ...(port === undefined ? {} : { port }), values })
    try {
      const { url } = inspection
      context.result({ url, isLive: false }, () => `${url}\n`)
      context.note('what the files say; Ctrl-C ends it\n')
      await untilInterrupt(context)
    } finally {
      await inspection.close()
    }
    return EXIT_OK
  },
})

/** Waits for Ctrl-C, which is how this command ends when all is well. */
async function untilInterrupt(context: CommandContext): Promise<void> {
  const { signal, clock, terminal } = context
  context.flush()
  await terminal.printed()
  const alive = clock.keepAlive()
  try {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
  } finally {
    alive.cancel()
  }
}
