/** Rank 11: repair of a damaged database into a new directory. */
export { judgeTables } from './counting-tables.js'
export type { JudgedTable, Judgement } from './counting-tables.js'
export { repairDirectory } from './repair.js'
export type { RepairPlan } from './repair.js'
export type { LostRange, RepairReport } from './repair-ledger.js'
