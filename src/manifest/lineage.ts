/**
 * What: which history a database is. A copy of a database that is written to shares id and file numbers with its
 * source; its lineage, drawn when it was made, tells the two apart. The header of each file says in which lineage the
 * file was written.
 *
 *   offset size
 *        0    8  own lineage, never 0
 *        8    8  lineage of the source, 0 = none
 *       16    8  last sequence number that both have, 0 = none
 *
 * A lineage is drawn once, when the directory is made, and each new manifest repeats it.
 */
import { BadBytes, drawLineage } from '../base/index.js'
import type { ByteReader, ByteWriter, Random, SeqNum } from '../base/index.js'

export interface Lineage {
  readonly own: number
  readonly parent: number
  readonly partedSeqNum: SeqNum
}

/** The lineage of a version before its first edit; no manifest holds it. */
export const NO_LINEAGE: Lineage = Object.freeze({ own: 0, parent: 0, partedSeqNum: 0 })

/** Draws the lineage of a database that was not copied from another. */
export function newLineage(random: Random): Lineage {
  return { ...NO_LINEAGE, own: drawLineage(random) }
}

export function encodeLineage(writer: ByteWriter, { own, parent, partedSeqNum }: Lineage): void {
  writer.u53(own).u53(parent).u53(partedSeqNum)
}

export function decodeLineage(reader: ByteReader): Lineage {
  const at = reader.position
  const lineage = { own: reader.u53(), parent: reader.u53(), partedSeqNum: reader.u53() }
  if (lineage.own === 0) throw new BadBytes(at, 'lineage 0')
  return lineage
}
