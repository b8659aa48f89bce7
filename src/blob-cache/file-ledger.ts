/**
 * What: what the bytes of one file of a cache are, for people.
 */
export interface FileLedger {
  file: string
  kind: 'segment' | 'catalog' | 'index' | 'leftover'
  bytes: number
  headerBytes: number
  /** Records, groups or items of the index that are what was written. */
  contentBytes: number
  contentCount: number
  footerBytes: number
  /** Zeros that are kept ready, and what a write that did not end left or that goes on. It does not count. */
  unfinishedBytes: number
  /** Bytes that are not what was written, or that nothing tells of. */
  badBytes: number
  problems: string[]
}

export function newLedger(file: string, kind: FileLedger['kind'], bytes: number): FileLedger {
  return {
    file, kind, bytes, headerBytes: 0, contentBytes: 0, contentCount: 0, footerBytes: 0, unfinishedBytes: 0,
    badBytes: 0, problems: [],
  }
}
