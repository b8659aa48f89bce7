/** Reads a whole varve stream, as tests look at it. */
import { entriesInto, ExportReader } from '../../../src/transfer/index.js'
import type { ExportEntry, ExportTotals } from '../../../src/transfer/index.js'

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
