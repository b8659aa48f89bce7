/** Reads a whole varve stream, as tests look at it. */
import { ExportReader } from '../../../src/transfer/index.js'
import type { EntryFacts, EntrySink, ExportTotals } from '../../../src/transfer/index.js'

/** One entry of a stream. */
export interface ExportEntry extends EntryFacts {
  key: Uint8Array
  value: Uint8Array
}

/** A sink that keeps each entry as an object. */
export function entriesInto(entries: ExportEntry[]): EntrySink {
  return {
    take(...[key, keyStart, keyEnd, value, valueStart, valueEnd, facts]) {
      const [ownKey, ownValue] = [key.subarray(keyStart, keyEnd), value.subarray(valueStart, valueEnd)]
      entries.push({ key: ownKey, value: ownValue, ...facts })
    },
  }
}

/** Gives the entries of a frame at a time. Throws CORRUPTION for a stream that has no end. */
export async function* readExport(
  file: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<ExportEntry[], ExportTotals> {
  const entries: ExportEntry[] = []
  const reader = new ExportReader(file, entriesInto(entries))
  for await (const chunk of chunks) {
    reader.push(chunk)
    if (entries.length > 0) yield entries.splice(0)
  }
  return reader.end()
}
