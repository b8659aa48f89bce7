/** What: the calls that a store without order and batches does not have. */
import type { Store } from '../store.js'

function none(): never {
  throw new Error('there is no such call')
}

export const onlyPutAndGet: Omit<Store, 'put' | 'get' | 'close'> = {
  batch: none, putDurable: none, scan: none, seek: none, getMany: none, settle: () => undefined,
}
