/**
 * What: compares a new run with the kept figures: how much of the ratio to the fastest peer was lost, row by row, and
 * how many more bytes are written and kept than by LevelDB. Pure: it measures nothing.
 */
import { median } from '../report.js'
import { findRow, ratioOf, rowNames } from './figures.js'
import type { Figures, LoadFigures, RowName } from './figures.js'
import type { SessionName } from './sessions.js'

/** The part of a ratio that may be lost: rows spread by a few percent on a machine that does nothing else. */
export const LOSS_MAX = 0.15

export interface Comparison extends RowName {
  session: SessionName
  /** The peer of the row: of those in both runs, the one that was fastest in the kept one. */
  peer: string
  kept: number
  now: number
  /** The part of the kept ratio that was lost; below 0 when it is higher now. */
  loss: number
}

const OURS = 'varve'

/** Compares every row that both runs have, but the loads: each is measured once, so chance has too large a part. */
export function compareRows(kept: Figures, now: Figures): Comparison[] {
  return rowNames(now).flatMap((name) => {
    const peer = fastestOfBoth(kept, now, name)
    const ours = findRow(now, name, OURS)
    if (peer === undefined || ours === undefined || ours.session === 'load') return []
    const [before, after] = [ratioOf(kept, name, OURS, peer), ratioOf(now, name, OURS, peer)]
    if (before === undefined || after === undefined) return []
    return [{ ...name, session: ours.session, peer, kept: before, now: after, loss: 1 - after / before }]
  })
}

function fastestOfBoth(kept: Figures, now: Figures, name: RowName): string | undefined {
  const peers = Object.keys(now.versions).filter((engine) => !engine.startsWith(OURS))
  const rates = peers.flatMap((peer) => {
    const row = findRow(now, name, peer) === undefined ? undefined : findRow(kept, name, peer)
    return row === undefined ? [] : [{ peer, rate: median(row.perSecond) }]
  })
  return rates.sort((a, b) => b.rate - a.rate)[0]?.peer
}

export interface ByteComparison {
  set: string
  what: 'written' | 'kept'
  kept: number
  now: number
  /** The part by which the ratio grew. */
  loss: number
}

const BYTE_PEER = 'classic-level'

/** Compares bytes written and kept, as multiples of LevelDB's. */
export function compareBytes(kept: Figures, now: Figures): ByteComparison[] {
  return Object.keys(now.entryCounts).flatMap((set) => ([
    ['written', ({ written }: LoadFigures) => written?.callBytes ?? NaN] as const,
    ['kept', ({ keptBytes }: LoadFigures) => keptBytes] as const,
  ].flatMap(([what, of]) => {
    const [before, after] = [byteRatio(kept, set, of), byteRatio(now, set, of)]
    if (Number.isNaN(before) || Number.isNaN(after)) return []
    return [{ set, what, kept: before, now: after, loss: after / before - 1 }]
  })))
}

function byteRatio(figures: Figures, set: string, of: (load: LoadFigures) => number): number {
  const [ours, peer] = [OURS, BYTE_PEER].map((engine) =>
    figures.loads.find((load) => load.set === set && load.engine === engine))
  return ours === undefined || peer === undefined ? NaN : of(ours) / of(peer)
}
