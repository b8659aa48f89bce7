/**
 * What: how one value is written: what a call says besides key and value. The two that most calls say are made once.
 * Thread: main. No state.
 */

/** How a write of one key is done. */
export interface WriteHow {
  /** True: it is answered when it survives power loss. */
  readonly sync: boolean
  /** When the value expires, in milliseconds since 1970; 0 for never. */
  readonly expiryMs: number
}

const SYNCED: WriteHow = Object.freeze({ sync: true, expiryMs: 0 })
const UNSYNCED: WriteHow = Object.freeze({ sync: false, expiryMs: 0 })

export function writeHow(sync: boolean, expiryMs = 0): WriteHow {
  if (expiryMs !== 0) return { sync, expiryMs }
  return sync ? SYNCED : UNSYNCED
}
